"""The wire format by hand: what the generated codec (`_fast`) calls when its inlined fast paths do not apply.

Everything works on one immutable buffer and offsets into it: `b` the buffer, `i` where to read, `end` where the
message stops, `r` how many further levels of nesting are allowed. Two rules keep the readers fast and safe:

- Reading past the buffer raises IndexError, which `codec.decode` turns into DecodeError.
- Reading past `end`, but within the buffer, is noticed by the caller: a message whose reader does not stop exactly at
  `end` is refused. So a length needs no check of its own, and no byte is looked at twice.

What is refused, and what is let pass, is what google protobuf's C core (upb) does: `tests/proto` compares the two.
"""

from __future__ import annotations

import struct
from typing import Any

from betterproto import Message

fields: Any = Message.__dict__["__dict__"].__get__
set_fields: Any = Message.__dict__["__dict__"].__set__
"""A message's `__dict__`, read and replaced without a lookup that a class could have changed."""

new = object.__new__

MAX_DEPTH = 100
"""Levels of nesting below the outermost message, groups included: the C core's limit."""


class DecodeError(ValueError):
    """The bytes are not a well-formed message of the type asked for."""


class EncodeError(ValueError):
    """A field holds something that its type cannot carry."""


def varint(b: bytes, i: int, v: int) -> tuple[int, int]:
    """The varint whose first byte `v` (> 127) stands before `i`, as an unsigned 64-bit number, and where it ends."""
    v &= 127
    for shift in (7, 14, 21, 28, 35, 42, 49, 56):
        c = b[i]
        i += 1
        if c < 128:
            return v | c << shift, i
        v |= (c & 127) << shift
    c = b[i]
    if c > 127:
        raise DecodeError("a varint is longer than ten bytes")
    return v | (c & 1) << 63, i + 1


def short_varint(b: bytes, i: int, v: int) -> tuple[int, int]:
    """As `varint`, for tags: at most five bytes and 32 bits."""
    v &= 127
    for shift in (7, 14, 21, 28):
        c = b[i]
        i += 1
        if c < 128:
            if shift == 28 and c > 15:
                break
            return v | c << shift, i
        v |= (c & 127) << shift
    raise DecodeError("a field's tag has more than 32 bits")


def length(b: bytes, i: int, v: int) -> tuple[int, int]:
    """As `varint`, for the size of a field: at most five bytes and 2**31 - 1."""
    v &= 127
    for shift in (7, 14, 21, 28):
        c = b[i]
        i += 1
        if c < 128:
            if shift == 28 and c > 7:
                break
            return v | c << shift, i
        v |= (c & 127) << shift
    raise DecodeError("a field's size is 2 GiB or more")


NOT_TWO = 1 << 40
"""What TWO holds for two bytes that do not both continue: so large that any sum with it is out of range."""

TWO = [NOT_TWO] * 65536
"""Two bytes of a varint, read as one little-endian number, which are not its last: the 14 bits that they carry."""
for _high in range(128):
    TWO[0x8080 + (_high << 8) : 0x8100 + (_high << 8)] = range(_high << 7, (_high + 1) << 7)

stamp_12: Any = struct.Struct("<xHHBxHHB").unpack_from
"""A timestamp of 12 bytes: five of seconds (the years 2004 to 3058) and five of nanoseconds. The usual one."""
stamp_11: Any = struct.Struct("<xHHBxHH").unpack_from
"""A timestamp of 11 bytes: four of nanoseconds, which happens once in four."""
event_stamp: Any = struct.Struct("<HBHHBBHHB").unpack_from
"""The same with all else that stands in its field: tag and size, and the tags of both its fields."""


def signed32(v: int) -> int:
    """The low 32 bits as a signed number: how int32 and enum fields read a varint."""
    return (v & 0xFFFFFFFF ^ 0x80000000) - 0x80000000


def signed64(v: int) -> int:
    """An unsigned 64-bit number as a signed one."""
    return (v ^ 0x8000000000000000) - 0x8000000000000000


MINUS_ONE = b"\xff" * 9 + b"\x01"
"""-1 as a varint: the id of every event that confirms no action."""
NUMBER_ZERO = "a field of number 0"


def skip(b: bytes, i: int, t: int, end: int, r: int) -> int:
    """Where the value of a field that we do not know ends; `t` is its tag, `i` where its value begins.

    Field number 0 passes: the C core refuses it in messages, which is the caller's business, but not inside groups, nor
    in a message without fields.
    """
    kind = t & 7
    if kind == 2:
        n = b[i]
        i += 1
        if n > 127:
            n, i = length(b, i, n)
        i += n
    elif kind == 0:
        n = b[i]
        i += 1
        if n > 127:
            i = varint(b, i, n)[1]
    elif kind == 5:
        i += 4
    elif kind == 1:
        i += 8
    elif kind == 3:
        i = skip_group(b, i, t, end, r)
    else:
        raise DecodeError("the end of a group that never began" if kind == 4 else f"wire type {kind}")
    if i > end:
        raise DecodeError("cut short")
    return i


def skip_group(b: bytes, i: int, t: int, end: int, r: int) -> int:
    """Where the group that tag `t` begins ends. Iterative: its depth is bounded by `r`, not by Python's stack."""
    expected = [t + 1]
    while expected:
        if len(expected) > r:
            raise DecodeError(f"nested deeper than {MAX_DEPTH} levels")
        u = b[i]
        i += 1
        if u > 127:
            u, i = short_varint(b, i, u)
        kind = u & 7
        if kind == 3:
            expected.append(u + 1)
        elif kind == 4:
            if expected.pop() != u:
                raise DecodeError("a group ends that is not the one that began")
        else:
            i = skip(b, i, u, end, r)
        if i > end:
            raise DecodeError("cut short")
    return i


def overlong(read: Any, message: Any, b: bytes, i: int, t: int, end: int, r: int) -> int:
    """Read a known field whose tag `t` (< 128) came in more bytes than it needs; returns where the field ends.

    Nobody writes such tags, but the C core reads them. The field is put into canonical form and merged.
    """
    stop = skip(b, i, t, end, r)
    piece = bytes((t,)) + b[i:stop]
    read(piece, 0, len(piece), r, message)
    return stop


def keep(d: dict[str, Any], b: bytes, spans: list[Any]) -> None:
    """Store the unknown fields of a message: `spans` holds begin, end, begin, end, ... or a piece and -1.

    A message merged from many pieces may come here as often; a bytearray keeps that from taking quadratic time.
    """
    pairs = iter(spans)
    kept = b"".join([first if last == -1 else b[first:last] for first, last in zip(pairs, pairs, strict=True)])
    before = d.get("_unknown_fields")
    if not before:
        d["_unknown_fields"] = kept
    elif type(before) is bytearray:
        before += kept
    else:
        d["_unknown_fields"] = bytearray(before) + kept


def note(spans: list[Any], start: int, stop: int) -> None:
    """Add one unknown field to `spans`, joining it to its neighbour so that a flood of them costs no memory."""
    if spans and spans[-1] == start:
        spans[-1] = stop
    else:
        spans += (start, stop)


def wrapper(b: bytes, i: int, end: int, r: int, tag: int, spans: list[Any]) -> bytes | int | None:
    """The `value` (field 1, tag `tag`) of a wrapper message such as StringValue; None where it is not there.

    Unknown fields inside go to `spans`.
    """
    value: bytes | int | None = None
    while i < end:
        start = i
        t = b[i]
        i += 1
        if t > 127:
            t, i = short_varint(b, i, t)
        if t == tag == 10:
            n = b[i]
            i += 1
            if n > 127:
                n, i = length(b, i, n)
            value = b[i : i + n]
            value.decode()
            i += n
        elif t == tag:
            value = b[i]
            i += 1
            if value > 127:
                value, i = varint(b, i, value)
        else:
            if t < 8:
                raise DecodeError(NUMBER_ZERO)
            i = skip(b, i, t, end, r)
            note(spans, start, i)
    if i != end:
        raise DecodeError("cut short")
    return value


def wrapped(
    b: bytes, i: int, end: int, r: int, d: dict[str, Any], name: str, kind: str, tag: bytes, unknown: list[Any] | None
) -> list[Any] | None:
    """Store a wrapper field (`kind`: str, int32, bool) under `name`; returns `unknown`, perhaps grown.

    A wrapper sent in several pieces is merged, as every message is. betterproto's classes hold only the value of a
    wrapper, so unknown fields inside are kept with those of the message around it, as one more piece of the same
    wrapper: whoever reads them merges them to where they came from.
    """
    if r <= 0:
        raise DecodeError(f"nested deeper than {MAX_DEPTH} levels")
    spans: list[Any] = []
    value = wrapper(b, i, end, r - 1, 10 if kind == "str" else 8, spans)
    result: Any
    if value is None:
        result = d.get(name)
        if result is None:
            result = {"str": "", "int32": 0, "bool": False}[kind]
    elif isinstance(value, bytes):
        result = value.decode()
    else:
        result = signed32(value) if kind == "int32" else value != 0
    d[name] = result
    if spans:
        inner: dict[str, Any] = {}
        keep(inner, b, spans)
        rest = inner["_unknown_fields"]
        unknown = unknown or []
        unknown += (tag + size(len(rest)) + rest, -1)
    return unknown


def map_entry(b: bytes, i: int, end: int, r: int) -> tuple[str, str, bool]:
    """Key and value of a map<string, string> entry, and whether it holds nothing else.

    The C core counts an entry that holds anything else among the unknown fields; so do we.
    """
    if r <= 0:
        raise DecodeError(f"nested deeper than {MAX_DEPTH} levels")
    key = value = ""
    plain = True
    while i < end:
        t = b[i]
        i += 1
        if t > 127:
            t, i = short_varint(b, i, t)
        if t == 10 or t == 18:
            n = b[i]
            i += 1
            if n > 127:
                n, i = length(b, i, n)
            text = b[i : i + n].decode()
            i += n
            if t == 10:
                key = text
            else:
                value = text
        else:
            if t < 8:
                raise DecodeError(NUMBER_ZERO)
            i = skip(b, i, t, end, r - 1)
            plain = False
    if i != end:
        raise DecodeError("cut short")
    return key, value, plain


def size(n: int) -> bytes:
    """A length (never negative) as a varint."""
    return bytes((n,)) if n < 128 else unsigned(n)


def unsigned(n: int) -> bytes:
    """A number from 0 to 2**64 - 1 as a varint."""
    out = bytearray()
    while n > 127:
        out.append(n & 127 | 128)
        n >>= 7
    out.append(n)
    return bytes(out)


def one_of_only(message: object, group: str) -> None:
    """Refuse a constructor's second member of a oneof."""
    raise TypeError(f"{type(message).__name__}: two members of the oneof {group!r} were given; give one")


def wrong_type(message: object, name: str, expected: type, value: object) -> None:
    """Refuse a message of another type in a constructor, where it would be written as something that it is not."""
    raise TypeError(f"{type(message).__name__}.{name}: expected a {expected.__name__}, got {value!r}")
