"""Writes `decode_X(b, i, end, r, m=None)` for each message X: the message that b[i:end] holds, or those fields merged
into `m`.

What the generated readers rely on:

- A message's fields live in the instance; for one that was not on the wire the class answers (`_speedups`). Readers
  start from a bare instance: no constructor. Assigning to an attribute is then the fastest way (the interpreter keeps
  no dict for such an instance), but for messages with a oneof, whose `__setattr__` is ours: their readers fill a dict
  and hand it over.
- `seen` has a bit for each message field that was met, or all of them when merging.
- Lengths are not checked where they are read: see the two rules in `_wire`.
- `r` is how many levels of nesting may follow. The schema bounds the depth of everything but what contains itself, so
  only recursive messages test it (and `_wire.skip`, for groups).
- `u` holds where the unknown fields are; they are cut out of the buffer at the end.
- A field that comes again: scalars are replaced, messages merged, and a member of a oneof that follows another member
  replaces it, as in the C core.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator

from generator.model import Field, MessageModel
from generator.text import Text

BIG_GROUP = 8
"""Oneofs with more members than this are read through a table instead of a chain of comparisons."""


def emit(text: Text, message: MessageModel, recursive: set[str]) -> None:
    """Append the reader of `message`."""
    groups = message.groups
    big = next((name for name, members in groups.items() if len(members) > BIG_GROUP), None)
    plain = [field for field in message.fields if big is None or field.group != big]
    check_depth = message.name in recursive
    text("", "")
    with text.block(f"def decode_{message.name}(b, i, end, r, m=None):"):
        if groups:
            with text.block("if m is None:"):
                text("d = {}")
            with text.block("else:"):
                text("d = fields(m)", "d.pop('_serialized_on_wire', None)")
        else:
            once = any(field.kind == "message" and not field.repeated for field in message.fields)
            with text.block("if m is None:"):
                text(f"m = new({message.name})", *(["seen = 0"] if once else []))
            with text.block("else:"):
                text("fields(m).pop('_serialized_on_wire', None)", *(["seen = -1"] if once else []))
            for field in message.fields:
                if field.repeated or field.kind == "map":
                    text(f"l_{field.name} = None")
        text("u = None")
        if big is not None:
            _prologue(text, message, plain)
        with text.block("while i < end:"):
            text("t = b[i]", "i += 1")
            word = "if"
            for field in plain:
                for tag, body in readings(field, message, check_depth):
                    if tag < 128:
                        with text.block(f"{word} t == {tag}:"):
                            body(text)
                        word = "elif"
            if word == "if":
                _rest(text, message, plain, big, check_depth)
            else:
                with text.block("else:"):
                    _rest(text, message, plain, big, check_depth)
        with text.block("if i != end:"):
            text("raise DecodeError('cut short')")
        with text.block("if u is not None:"):
            text(f"keep({_dict(message)}, b, u)")
        if groups:
            with text.block("if m is None:"):
                text(f"m = new({message.name})", "set_fields(m, d)")
        text("return m")


def _prologue(text: Text, message: MessageModel, plain: list[Field]) -> None:
    """The first two fields of an event, id and time, where they stand as every writer writes them: without the loop."""
    event_id, stamp = (field for field in plain if field.number <= 2)
    if (event_id.kind, stamp.type) != ("int32", "Timestamp"):
        raise SystemExit(f"{message.name}: expected an int32 and a Timestamp as its first fields")
    with text.block("if m is None and end - i > 24:"):
        with text.block(f"if b[i] == {event_id.tag}:"):
            text("v = b[i + 1]")
            with text.block("if v < 128:"):
                text(f"d[{event_id.name!r}] = v", "i += 2")
            with text.block("elif b[i + 1:i + 11] == MINUS_ONE:"):
                text(f"d[{event_id.name!r}] = -1", "i += 11")
            with text.block("elif b[i + 2] < 128:"):
                text(f"d[{event_id.name!r}] = v + (b[i + 2] << 7) - 128", "i += 3")
        text("t, s, c, x, v, g, k, e, n = event_stamp(b, i)")
        with text.block("if s == 8 and g == 16:"):
            with text.block(f"if t == {12 << 8 | stamp.tag}:"):
                text("k = TWO[k] + (TWO[e] << 14) + (n << 28)", "j = i + 14")
            with text.block(f"elif t == {11 << 8 | stamp.tag} and e < 0x8000:"):
                text("k = TWO[k] + (TWO[e | 0x8000] << 14)", "j = i + 13")
            with text.block("else:"):
                text("k = NOT_TWO")
            text("c = TWO[c] + (TWO[x] << 14) + (v << 28)")
            with text.block("if c < 0x800000000 and k < 0x80000000:"):
                text("x = new(Timestamp)", "x.seconds = c", "x.nanos = k", f"d[{stamp.name!r}] = x", "i = j")
        # And the content, if its tag has one byte.
        text(f"x = _short_{message.name}[b[i]] if i < end else None")
        with text.block("if x is not None:"):
            text("name, f, d['_group_current'] = x", "n = b[i + 1]", "i += 2")
            _long_length(text)
            text("d[name] = f(b, i, j, r - 1)", "i = j")
            with text.block("if i == end:"):
                text(f"m = new({message.name})", "set_fields(m, d)", "return m")


def _dict(message: MessageModel) -> str:
    """The expression for the message's `__dict__`."""
    return "d" if message.groups else "fields(m)"


def _target(field: Field, message: MessageModel) -> str:
    """What to assign a field's value to."""
    return f"d[{field.name!r}]" if message.groups else f"m.{field.name}"


def tables(text: Text, message: MessageModel) -> None:
    """Append the table that the reader of a message with a large oneof uses; all readers must be defined before."""
    for group, members in message.groups.items():
        if len(members) > BIG_GROUP:
            with text.block(f"_members_{message.name} = {{"):
                for field in members:
                    text(f"{field.tag}: ({field.name!r}, decode_{field.type}, {{{group!r}: {field.name!r}}}),")
            text("}")
            text(f"_short_{message.name} = [_members_{message.name}.get(t) if t < 128 else None for t in range(256)]")
        for field in members:
            text(f"_set_{message.name}_{field.name} = {{{group!r}: {field.name!r}}}")


def _rest(text: Text, message: MessageModel, plain: list[Field], big: str | None, check_depth: bool) -> None:
    """What is not a known field with a tag of one byte."""
    text("s = i - 1")
    tags = [tag for field in message.fields for tag, _ in readings(field, message, check_depth) if tag < 128]
    with text.block("if t > 127:"):
        text("t, i = short_varint(b, i, t)")
        if tags:
            with text.block(f"if t in {{{', '.join(map(str, tags))}}}:"):
                with text.block("if u is not None:"):
                    text(f"keep({_dict(message)}, b, u)", "u = None")
                if message.groups:
                    with text.block("if m is None:"):
                        text(f"m = new({message.name})", "set_fields(m, d)")
                text(f"i = overlong(decode_{message.name}, m, b, i, t, end, r)")
                if not message.groups and any(f.kind == "message" and not f.repeated for f in message.fields):
                    text("seen = -1")
                text("continue")
    word = "if"
    if big is not None:
        with text.block(f"if t in _members_{message.name}:"):
            _length(text)
            text(f"n, f, x = _members_{message.name}[t]")
            text("g = d.get('_group_current')")
            with text.block("if g is None:"):
                text("d[n] = f(b, i, j, r - 1)", "d['_group_current'] = x")
            with text.block(f"elif g[{big!r}] == n:"):
                text("f(b, i, j, r - 1, d[n])")
            with text.block("else:"):
                text(f"d.pop(g[{big!r}], None)", "d[n] = f(b, i, j, r - 1)", "d['_group_current'] = x")
            text("i = j")
        word = "elif"
    for field in plain:
        for tag, body in readings(field, message, check_depth):
            if tag > 127:
                with text.block(f"{word} t == {tag}:"):
                    body(text)
                word = "elif"
    if word == "if":
        _unknown(text, message)
    else:
        with text.block("else:"):
            _unknown(text, message)


def _unknown(text: Text, message: MessageModel) -> None:
    if message.fields:
        with text.block("if t < 8:"):
            text("raise DecodeError(NUMBER_ZERO)")
    text("i = skip(b, i, t, end, r)")
    with text.block("if u is None:"):
        text("u = [s, i]")
    with text.block("else:"):
        text("note(u, s, i)")


def _length(text: Text) -> None:
    """Read a size; `i` and `j` bound the value afterwards."""
    text("n = b[i]", "i += 1")
    _long_length(text)


def _long_length(text: Text) -> None:
    with text.block("if n > 127:"):
        text("c = b[i]")
        with text.block("if c < 128:"):
            text("n += (c << 7) - 128", "i += 1")
        with text.block("else:"):
            text("n, i = length(b, i, n)")
    text("j = i + n")


def readings(
    field: Field, message: MessageModel, check_depth: bool
) -> Iterator[tuple[int, Callable[[Text], None]]]:
    """Each tag that `field` may come under, with a function that appends the code which reads it."""
    if field.kind == "message":
        yield field.tag, lambda text: _message(text, field, message, check_depth)
    elif field.kind == "wrapper":
        yield field.tag, lambda text: _wrapper(text, field, message, " and r > 0" if check_depth else "")
    elif field.kind == "map":
        yield field.tag, lambda text: _map(text, field, message)
    elif field.kind in ("string", "bytes"):
        yield field.tag, lambda text: _string(text, field, message)
    else:
        yield field.tag, lambda text: _number(text, field, message)
        if field.repeated:
            yield field.number << 3 | 2, lambda text: _packed(text, field, message)


def _append(text: Text, field: Field, message: MessageModel, value: str) -> None:
    _collection(text, field, message)
    text(f"l_{field.name}.append({value})")


def _collection(text: Text, field: Field, message: MessageModel) -> None:
    """Have the list or dict of a repeated field or a map in a local variable; the class makes it if need be."""
    if message.groups:
        raise SystemExit(f"{message.name}: a oneof and a repeated field in one message are not supported")
    with text.block(f"if l_{field.name} is None:"):
        text(f"l_{field.name} = m.{field.name}")


def _string(text: Text, field: Field, message: MessageModel) -> None:
    _length(text)
    value = "b[i:j].decode()" if field.kind == "string" else "b[i:j]"
    if field.repeated:
        _append(text, field, message, value)
    elif field.group is not None:
        _leave_group(text, field)
        text(f"d[{field.name!r}] = {value}", f"d['_group_current'] = _set_{message.name}_{field.name}")
    else:
        text(f"{_target(field, message)} = {value}")
    text("i = j")


def _leave_group(text: Text, field: Field) -> None:
    text("g = d.get('_group_current')")
    with text.block("if g is not None:"):
        text(f"d.pop(g[{field.group!r}], None)")


def _message(text: Text, field: Field, message: MessageModel, check_depth: bool) -> None:
    if check_depth:
        with text.block("if r <= 0:"):
            text("raise DecodeError(TOO_DEEP)")
    if field.repeated and field.tag < 128:
        _collection(text, field, message)
        with text.block("while True:"):  # its neighbours, without going round for each
            _length(text)
            text(f"l_{field.name}.append(decode_{field.type}(b, i, j, r - 1))", "i = j")
            with text.block(f"if i >= end or b[i] != {field.tag}:"):
                text("break")
            text("i += 1")
        return
    _length(text)
    read = f"decode_{field.type}(b, i, j, r - 1"
    if field.repeated:
        _append(text, field, message, read + ")")
    elif field.group is not None:
        text("g = d.get('_group_current')")
        with text.block("if g is None:"):
            text(f"d[{field.name!r}] = {read})", f"d['_group_current'] = _set_{message.name}_{field.name}")
        with text.block(f"elif g[{field.group!r}] == {field.name!r}:"):
            text(f"{read}, d[{field.name!r}])")
        with text.block("else:"):
            text(f"d.pop(g[{field.group!r}], None)")
            text(f"d[{field.name!r}] = {read})", f"d['_group_current'] = _set_{message.name}_{field.name}")
    elif field.type == "Timestamp":
        _timestamp(text, field, message)
    elif message.groups:
        text(f"d[{field.name!r}] = {read}, d.get({field.name!r}))")
    else:
        bit = 1 << message.fields.index(field)
        with text.block(f"if seen & {bit}:"):
            text(f"m.{field.name} = {read}, fields(m).get({field.name!r}))")
        with text.block("else:"):
            text(f"m.{field.name} = {read})", f"seen |= {bit}")
    text("i = j")


def _timestamp(text: Text, field: Field, message: MessageModel) -> None:
    """Timestamps are in every event: the two shapes of `_wire.stamp_12` and `stamp_11` are read in place."""
    bit = 1 << message.fields.index(field)
    if message.groups:
        first = f"{field.name!r} not in d"
    else:
        first = f"not seen & {bit}"
    with text.block(f"if n == 12 and b[i] == 8 and b[i + 6] == 16 and {first}:"):
        text("c, x, v, k, e, n = stamp_12(b, i)")
        text("c = TWO[c] + (TWO[x] << 14) + (v << 28)", "k = TWO[k] + (TWO[e] << 14) + (n << 28)")
    with text.block(f"elif n == 11 and b[i] == 8 and b[i + 6] == 16 and {first}:"):
        text("c, x, v, k, e = stamp_11(b, i)")
        text("c = TWO[c] + (TWO[x] << 14) + (v << 28)")
        text("k = TWO[k] + (TWO[e | 0x8000] << 14) if e < 0x8000 else NOT_TWO")
    with text.block("else:"):
        text("c = NOT_TWO")
    with text.block("if c < 0x800000000 and k < 0x80000000:"):
        text("x = new(Timestamp)", "x.seconds = c", "x.nanos = k", f"{_target(field, message)} = x")
    with text.block("else:"):
        text(f"{_target(field, message)} = decode_Timestamp(b, i, j, r - 1, {_dict(message)}.get({field.name!r}))")
    if not message.groups:
        text(f"seen |= {bit}")


def _wrapper(text: Text, field: Field, message: MessageModel, depth: str) -> None:
    slow = f"u = wrapped(b, i, j, r, {_dict(message)}, {field.name!r}, {field.type!r}, {field.tag_bytes!r}, u)"
    if field.type != "str":
        _length(text)
        text(slow, "i = j")
        return
    # StringValue: tag 10, the length, the text. The two usual sizes of the length are read here.
    text("n = b[i]")
    with text.block("if n < 128:"):
        text("i += 1", "j = i + n")
        with text.block(f"if n > 1{depth} and b[i] == 10 and b[i + 1] == n - 2:"):
            text(f"{_target(field, message)} = b[i + 2:j].decode()")
        with text.block("else:"):
            text(slow)
    with text.block("else:"):
        text("c = b[i + 1]")
        with text.block("if c < 128:"):
            text("i += 2", "n += (c << 7) - 131", "j = i + n + 3")
            usual = "n > 127 and b[i] == 10 and b[i + 1] == (n & 127 | 128) and b[i + 2] == n >> 7"
            with text.block(f"if {usual}{depth}:"):
                text(f"{_target(field, message)} = b[i + 3:j].decode()")
            with text.block("else:"):
                text(slow)
        with text.block("else:"):
            text("n, i = length(b, i + 1, n)", "j = i + n", slow)
    text("i = j")


def _map(text: Text, field: Field, message: MessageModel) -> None:
    text("s = i - 1")
    _length(text)
    text("k, v, x = map_entry(b, i, j, r)")
    with text.block("if x:"):
        _collection(text, field, message)
        text(f"l_{field.name}[k] = v")
    with text.block("elif u is None:"):
        text("u = [s, j]")
    with text.block("else:"):
        text("note(u, s, j)")
    text("i = j")


def _number(text: Text, field: Field, message: MessageModel) -> None:
    _read_number(text, field)
    value = _number_value(text, field)
    if field.repeated:
        _append(text, field, message, value)
    else:
        text(f"{_target(field, message)} = {value}")


def _packed(text: Text, field: Field, message: MessageModel) -> None:
    _length(text)
    _collection(text, field, message)
    with text.block("while i < j:"):
        _read_number(text, field)
        text(f"l_{field.name}.append({_number_value(text, field)})")
    with text.block("if i != j:"):
        text("raise DecodeError('cut short')")


def _read_number(text: Text, field: Field) -> None:
    text("v = b[i]", "i += 1")
    with text.block("if v > 127:"):
        if field.kind == "int32":
            # Ids: two bytes from the 128th on, and -1 in ten.
            text("c = b[i]")
            with text.block("if c < 128:"):
                text("v += (c << 7) - 128", "i += 1")
            with text.block("elif b[i - 1:i + 9] == MINUS_ONE:"):
                text("v = -1", "i += 9")
            with text.block("else:"):
                text("v, i = varint(b, i, v)", "v = signed32(v)")
        elif field.kind == "enum":
            text("v, i = varint(b, i, v)", "v = signed32(v)")
        elif field.kind == "int64":
            text("v, i = varint(b, i, v)", "v = signed64(v)")
        elif field.kind == "uint32":
            text("v, i = varint(b, i, v)", "v &= 0xffffffff")
        else:
            text("v, i = varint(b, i, v)")


def _number_value(text: Text, field: Field) -> str:
    if field.kind == "bool":
        return "v != 0"
    if field.kind == "enum":
        text(f"e = _values_{field.type}.get(v)")
        with text.block("if e is None:"):
            text(f"e = {field.type}.try_value(v)")
        return "e"
    return "v"
