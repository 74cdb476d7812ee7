"""Writes `encode_X(m)` for each message X: its bytes, exactly as the C core would write them with deterministic output.

Fields go out in the order of their numbers, maps sorted by key, unknown fields last. What is written follows proto3:
a scalar that is zero is left out unless its field is `optional` or in a oneof; a message is written when it was set.
"""

from __future__ import annotations

from itertools import groupby

from generator.decode import BIG_GROUP
from generator.model import Field, MessageModel, varint
from generator.text import Text

SIZED = ("n = len(e)", "add(ONE_BYTE[n] if n < 128 else size(n))", "add(e)")
"""What writes a piece `e` behind its tag."""


def emit(text: Text, message: MessageModel) -> None:
    """Append the writer of `message`."""
    text("", "")
    with text.block(f"def encode_{message.name}(m):"):
        if not message.fields:
            text("return bytes(fields(m).get('_unknown_fields', b''))")
            return
        if message.name == "Timestamp":
            text("e = timestamp(m.seconds or 0, m.nanos or 0)", "v = m._unknown_fields", "return e + v if v else e")
            return
        plain = not message.groups and not any(changeable(field) for field in message.fields)
        get = "m.{}" if plain else "get({!r})"
        text(*([] if plain else ["get = fields(m).get"]), "o = []", "add = o.append")
        big = {name for name, members in message.groups.items() if len(members) > BIG_GROUP}
        for name in sorted(big):
            text("g = get('_group_current')", f"number, t, f = _writers_{message.name}[g[{name!r}] if g else None]")
        for is_big, run in groupby(message.by_number, key=lambda field: field.group in big):
            members = list(run)
            if is_big:
                with text.block(f"if {members[0].number} <= number <= {members[-1].number}:"):
                    text("v = get(g['" + str(members[0].group) + "'])")
                    with text.block("if v is not None:"):
                        text("e = f(v)", "add(t)", *SIZED)
            else:
                for field in members:
                    _field(text, field, get)
        text("v = " + get.format("_unknown_fields"))
        with text.block("if v:"):
            text("add(v)")
        text("return b''.join(o)")


def tables(text: Text, message: MessageModel) -> None:
    """Append the table that the writer of a message with a large oneof uses; all writers must be defined before."""
    for members in message.groups.values():
        if len(members) > BIG_GROUP:
            with text.block(f"_writers_{message.name} = {{"):
                text("None: (0, b'', None),")
                for field in members:
                    text(f"{field.name!r}: ({field.number}, {field.tag_bytes!r}, encode_{field.type}),")
            text("}")


def changeable(field: Field) -> bool:
    """Whether reading the field as an attribute would make a default and store it."""
    return field.repeated or field.kind == "map" or (field.kind == "message" and not field.optional)


def _field(text: Text, field: Field, get: str) -> None:
    text("v = " + get.format(field.name))
    if field.kind == "map":
        with text.block("if v:"), text.block("for k in map_keys(v):"):
            text("e = map_entry_bytes(k, v[k])", f"add({field.tag_bytes!r})", *SIZED)
    elif field.repeated:
        with text.block("if v:"):
            if field.kind == "enum":
                text("e = b''.join([int32(x) for x in v])")
                text(f"add({varint(field.number << 3 | 2)!r})", *SIZED)
            else:
                with text.block("for x in v:"):
                    call = f"encode_{field.type}(x)" if field.kind == "message" else _bytes_of(field, "x")
                    text(f"e = {call}", f"add({field.tag_bytes!r})", *SIZED)
    elif field.kind == "message":
        with text.block("if v is not None:"):
            text(f"e = encode_{field.type}(v)")
            write = [f"add({field.tag_bytes!r})", *SIZED]
            if field.group is not None or field.optional:
                text(*write)
            else:
                with text.block("if e or v._serialized_on_wire or present(v):"):
                    text(*write)
    elif field.kind == "wrapper":
        with text.block("if v is not None:"):
            if field.type == "str":
                text("e = v.encode()", "n = len(e)")
                with text.block("if n < 126:"):
                    text(f"add(_wrapped_{field.number}[n])")
                with text.block("elif 127 < n < 16381:"):  # both lengths take two bytes
                    text("k = n + 3")
                    tag = ", ".join(map(str, field.tag_bytes))
                    text(f"add(bytes(({tag}, k & 127 | 128, k >> 7, 10, n & 127 | 128, n >> 7)))")
                with text.block("else:"):
                    text("n = b'\\n' + size(n)", f"add({field.tag_bytes!r} + size(len(n) + len(e)) + n)")
                text("add(e)")
            else:
                value = "int32(v)" if field.type == "int32" else "b'\\x01'"
                text(f"e = b'\\x08' + {value} if v else b''", f"add({field.tag_bytes!r} + size(len(e)) + e)")
    elif field.kind in ("string", "bytes"):
        with text.block("if v is not None:" if field.optional or field.group else "if v:"):
            text(f"e = {_bytes_of(field, 'v')}", "n = len(e)")
            text(f"add(_text_{field.number}[n] if n < 128 else {field.tag_bytes!r} + size(n))", "add(e)")
    elif field.kind == "bool":
        yes, no = field.tag_bytes + b"\x01", field.tag_bytes + b"\x00"
        if field.optional:
            with text.block("if v is not None:"):
                text(f"add({yes!r} if v else {no!r})")
        else:
            with text.block("if v:"):
                text(f"add({yes!r})")
    else:
        kind = "int32" if field.kind == "enum" else field.kind
        with text.block("if v is not None:" if field.optional else "if v:"):
            text(f"add({field.tag_bytes!r})", f"add(ONE_BYTE[v] if 0 <= v < 128 else {kind}(v))")


def _bytes_of(field: Field, name: str) -> str:
    return f"{name}.encode()" if field.kind == "string" else f"bytes_of({name})"


def text_heads(text: Text, messages: list[MessageModel]) -> None:
    """Append, for the tag of each string field, what stands before a text of 0, 1, 2 ... bytes."""
    fields = [field for message in messages for field in message.fields if not field.repeated]
    text("", "")
    for number in sorted({field.number for field in fields if field.kind in ("string", "bytes")}):
        text(f"_text_{number} = [{varint(number << 3 | 2)!r} + n for n in ONE_BYTE]")
    for number in sorted({field.number for field in fields if field.kind == "wrapper" and field.type == "str"}):
        text(f"_wrapped_{number} = wrapped_heads({varint(number << 3 | 2)!r})")
