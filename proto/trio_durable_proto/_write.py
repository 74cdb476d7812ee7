"""The wire format by hand, for writing: what the generated writers (`_fast`) use and call.

Writers make *byte text*: a str in which each character stands for one byte, so that ASCII strings go into it as they
are. `.encode("latin-1")` makes bytes of it. proto/generator/encode.py says why.
"""

from __future__ import annotations

from typing import Any

from betterproto import Message

from ._messages import Timestamp
from ._wire import EncodeError, fields, unsigned

SIZE = [chr(n) for n in range(128)] + [chr(n & 127 | 128) + chr(n >> 7) for n in range(128, 16384)]
"""The numbers from 0 to 16,383 as varints."""

LOW = [chr(n & 127 | 128) + chr(n >> 7 | 128) for n in range(16384)]
"""14 bits as two bytes of a varint, neither of which is the last; for numbers near each other, as seconds are."""

SEVEN = [chr(n | 128) for n in range(128)]
"""7 bits as a byte of a varint that is not the last; for numbers that are anything."""

WRAPPED = ["\0", *(SIZE[len(SIZE[n]) + 1 + n] + "\n" + SIZE[n] for n in range(1, 4096))]
"""What stands between the tag of a StringValue field and its text of 0, 1, ... bytes."""

SINCE = 0x60000000
SECONDS: dict[int, str] = {}
"""What follows the low 14 bits of a timestamp's seconds, up to the tag of its nanoseconds.

By the seconds since SINCE, without those 14 bits: an entry serves for 4.5 hours. Made when such hours are first met; at
most those of 34 years.
"""
high_seconds = SECONDS.get

ALL_ONES = "\xff" * 9 + "\x01"
"""-1 as a varint: the id of every event that confirms no action."""


def sized(n: int) -> str:
    """A length (never negative) as a varint."""
    return SIZE[n] if n < 16384 else unsigned(n).decode("latin-1")


def wrapped_size(n: int) -> str:
    """WRAPPED, for a text of any length but 0."""
    head = sized(n)
    return f"{sized(len(head) + 1 + n)}\n{head}"


def utf8(value: str) -> str:
    """A string that is not ASCII, as byte text. Raises UnicodeEncodeError for a lone surrogate."""
    return value.encode().decode("latin-1")


def octets(value: bytes) -> str:
    """A value for a bytes field, as byte text. Raises TypeError for what is not bytes: a str, a number."""
    if isinstance(value, bytes | bytearray | memoryview):
        return bytes(value).decode("latin-1")
    raise TypeError(f"expected bytes, got {value!r}")


def int32(n: int) -> str:
    """The varint of an int32 or enum field; raises EncodeError out of range."""
    if 0 <= n < 16384:
        return SIZE[n]
    if not -0x80000000 <= n <= 0x7FFFFFFF:
        raise EncodeError(f"{n} does not fit 32 bits with a sign")
    return unsigned(n & 0xFFFFFFFFFFFFFFFF).decode("latin-1")


def int64(n: int) -> str:
    """The varint of an int64 field; raises EncodeError out of range."""
    if not -0x8000000000000000 <= n <= 0x7FFFFFFFFFFFFFFF:
        raise EncodeError(f"{n} does not fit 64 bits with a sign")
    return unsigned(n & 0xFFFFFFFFFFFFFFFF).decode("latin-1")


def uint32(n: int) -> str:
    """The varint of a uint32 field; raises EncodeError out of range."""
    if not 0 <= n <= 0xFFFFFFFF:
        raise EncodeError(f"{n} does not fit 32 bits without a sign")
    return unsigned(n).decode("latin-1")


def timestamp(m: Any) -> str:
    """A Timestamp, whatever is in it. Generated code puts together the usual ones itself, once SECONDS has them."""
    seconds, nanos, unknown = m.seconds or 0, m.nanos or 0, m._unknown_fields
    if 0 <= seconds - SINCE < 0x40000000:
        high = seconds - SINCE >> 14
        text = SECONDS.get(high)
        if text is None:
            text = SECONDS[high] = int64(seconds >> 14) + "\x10"
        text = "\x08" + LOW[seconds & 16383] + text
        text = text + int32(nanos) if nanos else text[:-1]
    else:
        text = ("\x08" + int64(seconds) if seconds else "") + ("\x10" + int32(nanos) if nanos else "")
    return text + unknown.decode("latin-1") if unknown else text


def timestamp_field(tag: str, m: Any, explicit: bool) -> str:
    """A Timestamp in a field; `explicit` if the field is written wherever it is set, even if it was only read."""
    expect(m, Timestamp)
    text = timestamp(m)
    if text or explicit or m._serialized_on_wire or present(m):
        return tag + sized(len(text)) + text
    return ""


def map_entries(tag: str, entries: dict[str, str]) -> str:
    """A map<string, string>: in the order of the C core's deterministic output, which is that of the keys' bytes, but
    what is longer comes first. Both fields of an entry are always written.
    """
    keys = list(entries) if len(entries) < 2 else sorted(entries, key=lambda key: key.encode() + b"\xff")
    out: list[str] = []
    for key in keys:
        k, v = utf8(key), utf8(entries[key])
        entry = "".join(("\n", sized(len(k)), k, "\x12", sized(len(v)), v))
        out += (tag, sized(len(entry)), entry)
    return "".join(out)


def expect(message: Any, expected: type) -> None:
    """Refuse what is not a message of the class of its field; asked only about what is not exactly of that class."""
    if not isinstance(message, expected):
        raise TypeError(f"expected a {expected.__name__}, got {message!r}")


def present(message: Any) -> bool:
    """Whether anything was assigned in a message that the class made when an unset field was read.

    Lists, dicts and messages may only have been read; if there were anything in them, there would be bytes to write.
    """
    return any(
        not (name[0] == "_" or isinstance(value, list | dict | Message)) for name, value in fields(message).items()
    )
