"""Writes `encode_X(m)` for each message X: its bytes, exactly as the C core would write them with deterministic output.

Fields go out in the order of their numbers, maps sorted by key, unknown fields last. What is written follows proto3:
a scalar that is zero is left out unless its field is `optional` or in a oneof; a message is written when it was set.

What makes the generated writers fast:

- They make `str`, not `bytes`: text in which each character stands for one byte. An ASCII string, which nearly all
  are, then goes out as it is, without being encoded to an object of its own; `_speedups.to_wire` turns the whole into
  bytes at the end, which is one copy. Any other string, and bytes, are put into that form first (`utf8`, `octets`).
- Each field has some local variables, its slots, which are empty where it is not set; all of them go into one join.
  `join` refuses what is not a str, so a wrong type cannot slip through. (`isascii`, called before, refuses most.)
- `k` counts what is set and has not been written. Fields that are rarely set are looked at only if any of it is left.
- Lengths and small numbers come from tables, as do the pieces of a timestamp.
"""

from __future__ import annotations

from itertools import groupby

from generator.decode import BIG_GROUP
from generator.model import Field, MessageModel, varint
from generator.text import Text

Slots = list[str]


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
            text("k = len(d)")
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
            with text.block("if k:"):
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
    return f"return join(({', '.join(slots)}))" if len(slots) > 1 else f"return {slots[0]}" if slots else "return ''"


def _rest(
    text: Text, message: MessageModel, runs: list[list[Field]], slots: dict[int, Slots], late: list[list[Field]]
) -> None:
    """The rare fields, and the unknown ones."""
    for run in late:
        first = message.groups[str(run[0].group)][0].number
        names = [f"{letter}{run[0].number}" for letter in "tsf"]
        before = [f"{letter}{first}" for letter in "tsf"]
        text(f"{' = '.join(names)} = ''")
        with text.block("if late:"):
            text(f"{', '.join(names)} = {', '.join(before)}", f"{' = '.join(before)} = ''")
        slots[run[0].number] = names
    for run in runs:
        field = run[0]
        if field.number not in slots:
            slots[field.number] = _field(text, field, None)
    text("u = d.get('_unknown_fields')", "u = u.decode('latin-1') if u else ''")
    text(_join([*(slot for number in sorted(slots) for slot in slots[number]), "u"]))


def _big_group(text: Text, message: MessageModel, field: Field) -> Slots:
    slots = [f"{letter}{field.number}" for letter in "tsf"]
    t, s, f = slots
    text(f"{' = '.join(slots)} = ''", "late = False")
    with text.block("if '_group_current' in d:"):
        text(f"name = d['_group_current'][{field.group!a}]")
        with text.block("if name in d:"):
            text(f"{t}, write, late = _writers_{message.name}[name]")
            text(f"{f} = write(d[name])", f"n = len({f})", f"{s} = SIZE[n] if n < 16384 else sized(n)")
            with text.block("if not late:"):
                text("k -= 2")
    return slots


def _small_group(text: Text, members: list[Field]) -> dict[int, Slots]:
    slots = {field.number: _slots(field) for field in members}
    text(" = ".join(slot for each in slots.values() for slot in each) + " = ''")
    with text.block("if '_group_current' in d:"):
        text("k -= 1")
        word = "if"
        for field in members:
            with text.block(f"{word} {field.name!a} in d:"):
                text("k -= 1")
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
                    text(f"{field.name!a}: ({tag!a}, encode_{field.type}, {field not in first}),")
            text("}")


def _tag(field: Field) -> str:
    return field.tag_bytes.decode("latin-1")


def _slots(field: Field) -> Slots:
    letters = "f"
    if field.kind == "message" and field.type == "Timestamp" and not field.repeated:
        letters = "tabcef"
    elif field.repeated or field.kind in ("map", "bool") or (field.kind == "wrapper" and field.type != "str"):
        letters = "f"
    elif field.kind in ("message", "wrapper"):
        letters = "tsf"
    else:
        letters = "tf"
    return [f"{letter}{field.number}" for letter in letters]


def _usual(text: Text, field: Field) -> Slots:
    return _field(text, field, "k -= 1")


def _field(text: Text, field: Field, count: str | None) -> Slots:
    slots = _slots(field)
    text(f"{' = '.join(slots)} = ''")
    with text.block(f"if {field.name!a} in d:"):
        if count:
            text(count)
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
            else:
                text("o = []")
                with text.block("for x in v:"):
                    call = f"encode_{field.type}(x)" if field.kind == "message" else _text_of(field, "x")
                    text(f"e = {call}", "n = len(e)", f"o += ({tag!a}, SIZE[n] if n < 16384 else sized(n), e)")
                text(f"{last} = join(o)")
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
        t, f = slots
        kind = "int32" if field.kind == "enum" else field.kind
        other = "ALL_ONES if v == -1 else int32(v)" if kind == "int32" else f"{kind}(v)"
        with text.block("if v is not None:" if field.optional else "if v:"):
            text(f"{t} = {tag!a}", f"{f} = SIZE[v] if 0 <= v < 16384 else {other}")


def _timestamp(text: Text, field: Field, slots: Slots) -> None:
    """A timestamp of 12 bytes, three in four of those of our times, is put together from tables; others by a call."""
    t, a, b, c, e, f = slots
    tag = _tag(field)
    with text.block("if v is not None:"):
        text("x = v.seconds", "n = v.nanos", "s = x and x >> 14")
        with text.block("if n and s in SECONDS and 0x10000000 <= n < 1000000000 and not v._unknown_fields:"):
            text(f"{t} = {tag + chr(12) + chr(8)!a}", f"{a} = LOW[x & 16383]", f"{b} = SECONDS[s]")
            text(f"{c} = LOW[n & 16383]", f"{e} = LOW[n >> 14 & 16383]", f"{f} = SIZE[n >> 28]")
        with text.block("else:"):
            text(f"{t} = timestamp_field({tag!a}, v, {field.optional or field.group is not None})")


def _text_of(field: Field, name: str) -> str:
    return f"{name} if {name}.isascii() else utf8({name})" if field.kind == "string" else f"octets({name})"


def text_heads(text: Text, messages: list[MessageModel]) -> None:
    """Append, for the tag of each string field, what stands before a text of 0, 1, 2 ... bytes."""
    fields = [field for message in messages for field in message.fields if not field.repeated]
    text("", "")
    for number in sorted({field.number for field in fields if field.kind in ("string", "bytes")}):
        text(f"_text_{number} = [{varint(number << 3 | 2).decode('latin-1')!a} + n for n in SIZE[:128]]")
