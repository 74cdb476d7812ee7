"""Writes `decode_X(b, i, end, r, m=None)` for each message X: the message that b[i:end] holds, or those fields merged
into `m`.

What the generated readers rely on:

- A message's fields live in its `__dict__`; a field that was not on the wire is not there, and the class answers for it
  (`_speedups`). A reader fills a dict and hands it to a bare instance: no constructor, no `__setattr__`.
- Lengths are not checked where they are read: see the two rules in `_wire`.
- `r` is how many levels of nesting may follow. The schema bounds the depth of everything but what contains itself, so
  only recursive messages test it (and `_wire.skip`, for groups).
- `u` holds where the unknown fields are; they are cut out of the buffer at the end.
- A field that comes again: scalars are replaced, messages merged, and a member of a oneof that follows another member
  replaces it, as in the C core.
"""

from __future__ import annotations

from generator.model import Field, MessageModel
from generator.text import Text

BIG_GROUP = 8
"""Oneofs with more members than this are read through a table instead of a chain of comparisons."""


def emit(text: Text, message: MessageModel, recursive: set[str]) -> None:
    """Append the reader of `message`, and the table of its large oneof where it has one."""
    groups = message.groups
    big = next((name for name, members in groups.items() if len(members) > BIG_GROUP), None)
    plain = [field for field in message.fields if big is None or field.group != big]
    check_depth = message.name in recursive
    text("", "")
    with text.block(f"def decode_{message.name}(b, i, end, r, m=None):"):
        with text.block("if m is None:"):
            text("d = {}")
        with text.block("else:"):
            text("d = fields(m)", "d.pop('_serialized_on_wire', None)")
        text("u = None")
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
            text("keep(d, b, u)")
        with text.block("if m is None:"):
            text(f"m = new({message.name})", "set_fields(m, d)")
        text("return m")


def tables(text: Text, message: MessageModel) -> None:
    """Append the table that the reader of a message with a large oneof uses; all readers must be defined before."""
    for group, members in message.groups.items():
        if len(members) > BIG_GROUP:
            with text.block(f"_members_{message.name} = {{"):
                for field in members:
                    text(f"{field.tag}: ({field.name!r}, decode_{field.type}, {{{group!r}: {field.name!r}}}),")
            text("}")
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
                text(f"i = overlong({message.name}, decode_{message.name}, d, b, i, t, end, r)", "continue")
    word = "if"
    if big is not None:
        text(f"x = _members_{message.name}.get(t)")
        with text.block("if x is not None:"):
            _length(text)
            text("n, f, x = x")
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
    with text.block("if n > 127:"):
        text("c = b[i]")
        with text.block("if c < 128:"):
            text("n += (c << 7) - 128", "i += 1")
        with text.block("else:"):
            text("n, i = length(b, i, n)")
    text("j = i + n")


def readings(field: Field, message: MessageModel, check_depth: bool):  # type: ignore[no-untyped-def]
    """Each tag that `field` may come under, with a function that appends the code which reads it."""
    if field.kind == "message":
        yield field.tag, lambda text: _message(text, field, message, check_depth)
    elif field.kind == "wrapper":
        yield field.tag, lambda text: _wrapper(text, field, " and r > 0" if check_depth else "")
    elif field.kind == "map":
        yield field.tag, lambda text: _map(text, field)
    elif field.kind in ("string", "bytes"):
        yield field.tag, lambda text: _string(text, field, message)
    else:
        yield field.tag, lambda text: _number(text, field)
        if field.repeated:
            yield field.number << 3 | 2, lambda text: _packed(text, field)


def _append(text: Text, field: Field, value: str) -> None:
    text(f"x = d.get({field.name!r})")
    with text.block("if x is None:"):
        text(f"x = d[{field.name!r}] = []")
    text(f"x.append({value})")


def _string(text: Text, field: Field, message: MessageModel) -> None:
    _length(text)
    value = "b[i:j].decode()" if field.kind == "string" else "b[i:j]"
    if field.repeated:
        _append(text, field, value)
    elif field.group is not None:
        _leave_group(text, field)
        text(f"d[{field.name!r}] = {value}", f"d['_group_current'] = _set_{message.name}_{field.name}")
    else:
        text(f"d[{field.name!r}] = {value}")
    text("i = j")


def _leave_group(text: Text, field: Field) -> None:
    text("g = d.get('_group_current')")
    with text.block("if g is not None:"):
        text(f"d.pop(g[{field.group!r}], None)")


def _message(text: Text, field: Field, message: MessageModel, check_depth: bool) -> None:
    if check_depth:
        with text.block("if r <= 0:"):
            text("raise DecodeError(TOO_DEEP)")
    _length(text)
    read = f"decode_{field.type}(b, i, j, r - 1"
    if field.repeated:
        _append(text, field, read + ")")
    elif field.group is not None:
        text("g = d.get('_group_current')")
        with text.block("if g is None:"):
            text(f"d[{field.name!r}] = {read})", f"d['_group_current'] = _set_{message.name}_{field.name}")
        with text.block(f"elif g[{field.group!r}] == {field.name!r}:"):
            text(f"{read}, d[{field.name!r}])")
        with text.block("else:"):
            text(f"d.pop(g[{field.group!r}], None)")
            text(f"d[{field.name!r}] = {read})", f"d['_group_current'] = _set_{message.name}_{field.name}")
    else:
        text(f"d[{field.name!r}] = {read}, d.get({field.name!r}))")
    text("i = j")


def _wrapper(text: Text, field: Field, depth: str) -> None:
    slow = f"u = wrapped(b, i, j, r, d, {field.name!r}, {field.type!r}, {field.tag_bytes!r}, u)"
    if field.type != "str":
        _length(text)
        text(slow, "i = j")
        return
    # StringValue: tag 10, the length, the text. The two usual sizes of the length are read here.
    text("n = b[i]")
    with text.block("if n < 128:"):
        text("i += 1", "j = i + n")
        with text.block(f"if n > 1{depth} and b[i] == 10 and b[i + 1] == n - 2:"):
            text(f"d[{field.name!r}] = b[i + 2:j].decode()")
        with text.block("else:"):
            text(slow)
    with text.block("else:"):
        text("c = b[i + 1]")
        with text.block("if c < 128:"):
            text("i += 2", "n += (c << 7) - 131", "j = i + n + 3")
            with text.block(f"if n > 127 and b[i] == 10 and b[i + 1] == (n & 127 | 128) and b[i + 2] == n >> 7{depth}:"):
                text(f"d[{field.name!r}] = b[i + 3:j].decode()")
            with text.block("else:"):
                text(slow)
        with text.block("else:"):
            text("n, i = length(b, i + 1, n)", "j = i + n", slow)
    text("i = j")


def _map(text: Text, field: Field) -> None:
    text("s = i - 1")
    _length(text)
    text("k, v, x = map_entry(b, i, j, r)")
    with text.block("if x:"):
        text(f"x = d.get({field.name!r})")
        with text.block("if x is None:"):
            text(f"x = d[{field.name!r}] = {{}}")
        text("x[k] = v")
    with text.block("elif u is None:"):
        text("u = [s, j]")
    with text.block("else:"):
        text("note(u, s, j)")
    text("i = j")


def _number(text: Text, field: Field) -> None:
    _read_number(text, field)
    value = _number_value(text, field)
    if field.repeated:
        _append(text, field, value)
    else:
        text(f"d[{field.name!r}] = {value}")


def _packed(text: Text, field: Field) -> None:
    _length(text)
    text(f"x = d.get({field.name!r})")
    with text.block("if x is None:"):
        text(f"x = d[{field.name!r}] = []")
    with text.block("while i < j:"):
        _read_number(text, field)
        text(f"x.append({_number_value(text, field)})")
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
