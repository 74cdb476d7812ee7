"""Writes `encode_X(m)` for each message X: its bytes, exactly as the C core would write them with deterministic output.

Fields go out in the order of their numbers, maps sorted by key, unknown fields last. What is written follows proto3:
a scalar that is zero is left out unless its field is `optional` or in a oneof; a message is written when it was set.

What makes the generated writers fast:

- They make `str`, not `bytes`: text in which each character stands for one byte. An ASCII string, which nearly all
  are, then goes out as it is, without being encoded to an object of its own; `_speedups.to_wire` turns the whole into
  bytes at the end, which is one copy. Any other string, and bytes, are put into that form first (`utf8`, `octets`).
- Each field has some local variables, its slots, which are empty where it is not set; all of them go into one join.
  `join` refuses what is not a str, so a wrong type cannot slip through. (`isascii`, called before, refuses most.)
- `k` counts what is set and written. Fields that are rarely set are looked at only if there is more than that.
- Lengths and small numbers come from tables, as do the pieces of a timestamp.
"""

from __future__ import annotations

from itertools import groupby

from generator.decode import BIG_GROUP
from generator.model import Field, MessageModel, varint
from generator.text import Text

Slots = list[str]


EVENTS = frozenset({"HistoryEvent"})
"""The messages that come by the thousand. `each_X` writes a list of them."""

SINCE = 0x60000000
"""Seconds are counted from here (2021) where it saves work: numbers under 2**30 are faster. Good for 34 years."""


def rare(field: Field) -> bool:
    """Whether a field is looked at only when something is set besides the usual ones. Decides over speed alone."""
    return field.optional or field.name == "version" or field.type == "TraceContext"


def emit(text: Text, message: MessageModel) -> None:
    """Append the writer of `message`."""
    text("", "")
    with text.block(f"def encode_{message.name}(m):"):
        with text.block(f"if type(m) is not {message.name}:"):
            text(f"expect(m, {message.name})")
        if message.name == "Timestamp":
            text("return timestamp(m)")
            return
        text("d = m.__dict__")
        runs = _runs(message)
        usual = [field for run in runs if not rare(run[0]) for field in run]
        if not usual:
            with text.block("if not d:"):
                text("return ''")
        else:
            text(f"k = {sum(field.group is None for field in usual)}")
        slots: dict[int, Slots] = {}
        late: list[list[Field]] = []
        big = {name for name, members in message.groups.items() if len(members) > BIG_GROUP}
        done: set[str] = set()
        for run in runs:
            field = run[0]
            if field.group in big:
                if field.group in done:
                    late.append(run)
                    continue
                done.add(str(field.group))
                slots[field.number] = _big_group(text, message, field)
            elif field.group is not None:
                if field.group not in done:
                    done.add(field.group)
                    members = message.groups[field.group]
                    slots.update(_small_group(text, members))
            elif not rare(field):
                slots[field.number] = _usual(text, field)
        usual_slots = [slot for number in sorted(slots) for slot in slots[number]]
        if usual:
            with text.block("if len(d) != k:"):
                _rest(text, message, runs, slots, late)
            text(_join(usual_slots))
        else:
            _rest(text, message, runs, slots, late)


def _runs(message: MessageModel) -> list[list[Field]]:
    """The fields by number; neighbours in the same large oneof together, since one piece of code writes them all."""
    big = {name for name, members in message.groups.items() if len(members) > BIG_GROUP}
    found: list[list[Field]] = []
    for is_big, run in groupby(message.by_number, key=lambda field: field.group in big):
        members = list(run)
        found += [members] if is_big else [[field] for field in members]
    return found


def _join(slots: Slots) -> str:
    """Return the slots as one piece; those of repeated fields, named l1, l2 ..., are lists."""
    parts = ", ".join(f"*{slot}" if slot[0] == "l" else slot for slot in slots)
    if any(slot[0] == "l" for slot in slots):
        return f"return join([{parts}])"
    return f"return join(({parts}))" if len(slots) > 1 else f"return {parts}"


def _rest(
    text: Text, message: MessageModel, runs: list[list[Field]], slots: dict[int, Slots], late: list[list[Field]]
) -> None:
    """The rare fields, and the unknown ones."""
    for run in late:
        first = message.groups[str(run[0].group)][0].number
        names = [f"{letter}{run[0].number}" for letter in "tsf"]
        before = [f"{letter}{first}" for letter in "tsf"]
        text(f"{' = '.join(names)} = ''")
        with text.block("if not early:"):
            text(f"{', '.join(names)} = {', '.join(before)}", f"{' = '.join(before)} = ''")
        slots[run[0].number] = names
    for run in runs:
        field = run[0]
        if field.number not in slots:
            slots[field.number] = _field(text, field)
    text("u = d.get('_unknown_fields')", "u = u.decode('latin-1') if u else ''")
    text(_join([*(slot for number in sorted(slots) for slot in slots[number]), "u"]))


def _big_group(text: Text, message: MessageModel, field: Field) -> Slots:
    slots = [f"{letter}{field.number}" for letter in "tsf"]
    t, s, f = slots
    text(f"{' = '.join(slots)} = ''", "early = 0")
    with text.block("if '_group_current' in d:"):
        text(f"name = d['_group_current'][{field.group!a}]")
        with text.block("if name in d:"):
            text(f"{t}, write, early = _writers_{message.name}[name]", "k += early")
            text(f"{f} = write(d[name])", f"n = len({f})", f"{s} = SIZE[n] if n < 16384 else sized(n)")
    return slots


def _small_group(text: Text, members: list[Field]) -> dict[int, Slots]:
    slots = {field.number: _slots(field) for field in members}
    text(" = ".join(slot for each in slots.values() for slot in each) + " = ''")
    with text.block("if '_group_current' in d:"):
        text("k += 1")
        word = "if"
        for field in members:
            with text.block(f"{word} {field.name!a} in d:"):
                text("k += 1")
                _value(text, field, slots[field.number])
            word = "elif"
    return slots


def tables(text: Text, message: MessageModel) -> None:
    """Append the table that the writer of a message with a large oneof uses; all writers must be defined before."""
    runs = _runs(message)
    for group, members in message.groups.items():
        if len(members) > BIG_GROUP:
            first = next(run for run in runs if run[0].group == group)
            with text.block(f"_writers_{message.name} = {{"):
                for field in members:
                    tag = _tag(field)
                    text(f"{field.name!a}: ({tag!a}, encode_{field.type}, {2 if field in first else 0}),")
            text("}")
            if message.name in EVENTS:
                with text.block(f"_each_{message.name} = {{"):
                    for field in members:  # with the bytes around the content: tag, size of one byte, time of 14 bytes
                        size = len(field.tag_bytes) + 1 + 14
                        text(f"{field.name!a}: ({_tag(field)!a}, encode_{field.type}, {size}),")
                text("}")


def _tag(field: Field) -> str:
    return field.tag_bytes.decode("latin-1")


def _slots(field: Field) -> Slots:
    letters = "f"
    if field.kind == "message" and field.type == "Timestamp" and not field.repeated:
        letters = "tabcef"
    elif field.repeated and field.kind != "enum":
        letters = "l"
    elif field.repeated or field.kind not in ("message", "wrapper", "string", "bytes"):
        letters = "f"
    elif field.kind in ("string", "bytes"):
        letters = "tf"
    elif field.kind == "message" or field.type == "str":
        letters = "tsf"
    return [f"{letter}{field.number}" for letter in letters]


def _usual(text: Text, field: Field) -> Slots:
    slots = _field(text, field)
    with text.block("else:"):
        text("k -= 1")
    return slots


def _field(text: Text, field: Field) -> Slots:
    slots = _slots(field)
    text(f"{' = '.join(slots)} = ''")
    with text.block(f"if {field.name!a} in d:"):
        _value(text, field, slots)
    return slots


def _value(text: Text, field: Field, slots: Slots) -> None:
    """Fill the slots, which are empty, from what is set."""
    tag = _tag(field)
    last = slots[-1]
    text(f"v = d[{field.name!a}]")
    if field.kind == "map":
        with text.block("if v:"):
            text(f"{last} = map_entries({tag!a}, v)")
    elif field.repeated:
        with text.block("if v:"):
            if field.kind == "enum":
                packed = varint(field.number << 3 | 2).decode("latin-1")
                text("e = join([int32(x) for x in v])", f"{last} = join(({packed!a}, sized(len(e)), e))")
            elif field.kind == "message" and field.type in EVENTS:
                text(f"{last} = each_{field.type}({tag!a}, v)")
            else:
                text(f"{last} = []")
                with text.block("for x in v:"):
                    call = f"encode_{field.type}(x)" if field.kind == "message" else _text_of(field, "x")
                    text(f"e = {call}", "n = len(e)", f"{last} += ({tag!a}, SIZE[n] if n < 16384 else sized(n), e)")
    elif field.kind == "message" and field.type == "Timestamp":
        _timestamp(text, field, slots)
    elif field.kind == "message":
        t, s, f = slots
        with text.block("if v is not None:"):
            text(f"{f} = encode_{field.type}(v)")
            write = (f"{t} = {tag!a}", f"n = len({f})", f"{s} = SIZE[n] if n < 16384 else sized(n)")
            if field.group is not None or field.optional:
                text(*write)
            else:
                with text.block(f"if {f} or v._serialized_on_wire or present(v):"):
                    text(*write)
    elif field.kind == "wrapper" and field.type == "str":
        t, s, f = slots
        with text.block("if v is not None:"):
            text(f"{f} = v if v.isascii() else utf8(v)", f"t{field.number} = {tag!a}", f"n = len({f})")
            text(f"{s} = WRAPPED[n] if n < 4096 else wrapped_size(n)")
    elif field.kind == "wrapper":
        value = "int32(v)" if field.type == "int32" else r"'\x01'"
        with text.block("if v is not None:"):
            text(f"e = '\\x08' + {value} if v else ''", f"{last} = {tag!a} + sized(len(e)) + e")
    elif field.kind in ("string", "bytes"):
        t, f = slots
        with text.block("if v is not None:" if field.optional or field.group else "if v:"):
            text(f"{f} = {_text_of(field, 'v')}", f"n = len({f})")
            text(f"{t} = _text_{field.number}[n] if n < 128 else {tag!a} + sized(n)")
    elif field.kind == "bool":
        yes, no = tag + "\x01", tag + "\x00"
        if field.optional:
            with text.block("if v is not None:"):
                text(f"{last} = {yes!a} if v else {no!a}")
        else:
            with text.block("if v:"):
                text(f"{last} = {yes!a}")
    else:
        with text.block("if v is not None:" if field.optional else "if v:"):
            text(f"{last} = {_number(field, 'v')}")


def _timestamp(text: Text, field: Field, slots: Slots) -> None:
    """A timestamp as nearly all are is put together from tables; others by a call."""
    t, a, b, c, e, f = slots
    tag = _tag(field)
    other = f"{t} = timestamp_field({tag!a}, v, {field.optional or field.group is not None})"
    with text.block("if type(v) is Timestamp and v.seconds and v.nanos and not v._unknown_fields:"):
        text(f"x = v.seconds - {SINCE}", f"{b} = high_seconds(x >> 14, '')", "n = v.nanos")
        with text.block(f"if {b} and 0x10000000 <= n < 1000000000:"):
            text(f"{t} = {tag + chr(12) + chr(8)!a}", f"{a} = LOW[x & 16383]", f"{c} = f'{_sevens(0, 1)}'")
            text(f"{e} = f'{_sevens(2, 3)}'", f"{f} = SIZE[n >> 28]")
        with text.block(f"elif {b} and 0x200000 <= n < 0x10000000:"):
            text(f"{t} = {tag + chr(11) + chr(8)!a}", f"{a} = LOW[x & 16383]", f"{c} = f'{_sevens(0, 1, 2)}'")
            text(f"{e} = SIZE[n >> 21]")
        with text.block(f"elif {b} and 0 < n < 16384:"):
            text(f"{t} = {tag + chr(8) + chr(8)!a} if n < 128 else {tag + chr(9) + chr(8)!a}")
            text(f"{a} = LOW[x & 16383]", f"{f} = SIZE[n]")
        with text.block("else:"):
            text(f"{b} = ''", other)
    with text.block("elif v is not None:"):
        text(other)


def _sevens(*which: int) -> str:
    """Groups of seven bits of `n`, as parts of an f-string.

    Nanoseconds are as good as random: a table of 14 bits, a megabyte of it, would be in no cache.
    """
    return "".join(f"{{SEVEN[n >> {7 * each} & 127]}}" if each else "{SEVEN[n & 127]}" for each in which)


def emit_each(text: Text, message: MessageModel) -> None:
    """Append the writer of a list of events, each with its tag and size.

    An event with an id, a time and its content, and nothing else, is written here, in one piece. An f-string makes it,
    which is faster than a join and safe here: every part comes from a table or another writer.
    """
    first, stamp, *_ = message.by_number
    (group,) = message.groups
    if (first.kind, first.tag, stamp.type, stamp.tag) != ("int32", 8, "Timestamp", 18):
        raise SystemExit(f"{message.name}: expected an int32 and a Timestamp as its fields 1 and 2")
    text("", "")
    with text.block(f"def each_{message.name}(tag, messages):"):
        text("o = []", "add = o.append")
        with text.block("for m in messages:"):
            text(f"d = m.__dict__ if type(m) is {message.name} else ''")
            with text.block("if len(d) == 4:"):
                with text.block("try:"):
                    text(f"i = d[{first.name!a}]", f"v = d[{stamp.name!a}]")
                    text(f"name = d['_group_current'][{group!a}]", "content = d[name]")
                    text(f"x = v.seconds - {SINCE}", "b = SECONDS[x >> 14]", "n = v.nanos")
                with text.block("except (KeyError, TypeError, AttributeError):"):
                    text("n = None")
                usual = "n and 0x200000 <= n < 1000000000 and type(v) is Timestamp and not v._unknown_fields"
                with text.block(f"if {usual}:"):
                    text(f"t, write, size = _each_{message.name}[name]")
                    text("e = write(content)", "k = len(e)")
                    with text.block("if k < 128:"):
                        text("s = SIZE[k]", "k += size")
                    with text.block("else:"):
                        text("s = SIZE[k] if k < 16384 else sized(k)", "k += size + len(s) - 1")
                    with text.block("if i == -1:"):  # of every event that confirms no action
                        minus_one = "\x08" + "\xff" * 9 + "\x01"
                        text(f"i = {minus_one!a}", "k += 11")
                    with text.block("elif i:"):
                        text(f"i = {_number(first, 'i')}", "k += len(i)")
                    with text.block("else:"):
                        text("i = ''")
                    text("a = LOW[x & 16383]")
                    head = "{tag}{SIZE[k] if k < 16384 else sized(k)}{i}"
                    seconds, rest = "\\x08{a}{b}", "{t}{s}{e}"
                    with text.block("if n >= 0x10000000:"):
                        nanos = _sevens(0, 1, 2, 3) + "{SIZE[n >> 28]}"
                        text(f"add(f'{head}\\x12\\x0c{seconds}{nanos}{rest}')")
                    with text.block("else:"):
                        nanos = _sevens(0, 1, 2) + "{SIZE[n >> 21]}"
                        text("k -= 1", f"add(f'{head}\\x12\\x0b{seconds}{nanos}{rest}')")
                    text("continue")
            text(f"e = encode_{message.name}(m)", "add(tag + sized(len(e)) + e)")
        text("return o")


def _number(field: Field, name: str) -> str:
    """A number with its tag."""
    kind = "int32" if field.kind == "enum" else field.kind
    other = f"{_tag(field)!a} + {kind}({name})"
    if kind == "int32":
        return f"_number_{field.number}[{name}] if -1 <= {name} < 2048 else {other}"
    return other


def _text_of(field: Field, name: str) -> str:
    return f"{name} if {name}.isascii() else utf8({name})" if field.kind == "string" else f"octets({name})"


def text_heads(text: Text, messages: list[MessageModel]) -> None:
    """Append, for the tag of each string field, what stands before a text of 0, 1, 2 ... bytes; and for the tag of each
    field of numbers, the whole field for 0, 1, 2 ..., and for -1, at the end of the list, where [-1] looks for it.
    """
    fields = [field for message in messages for field in message.fields if not field.repeated]
    text("", "")
    for number in sorted({field.number for field in fields if field.kind in ("string", "bytes")}):
        text(f"_text_{number} = [{varint(number << 3 | 2).decode('latin-1')!a} + n for n in SIZE[:128]]")
    for number in sorted({field.number for field in fields if field.kind in ("int32", "enum")}):
        text(f"_number_{number} = [{varint(number << 3).decode('latin-1')!a} + n for n in (*SIZE[:2048], ALL_ONES)]")
