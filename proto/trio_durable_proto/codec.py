"""Messages to bytes and back, and what can be had from bytes without making messages.

Three depths, for three needs of a turn (proto/README.md has the figures):

- `decode` makes messages, `encode` writes them.
- `split_work_item` and `split` find where things are; `splice` and its kin put encoded pieces together. A sidecar that
  keeps events as the bytes they arrived in hands them out without ever decoding them.
- `scan` reads of each event what a replay needs, as a small tuple; `decode_at` makes the whole event where that is not
  enough.

Malformed bytes raise DecodeError, whatever is wrong with them, and are refused where google protobuf's C core refuses
them. `split` and `scan` look only at what they return: what they pass over may still be malformed.
"""

from __future__ import annotations

import gc
import struct
from collections.abc import Iterable
from typing import Any, NamedTuple, TypeVar

import betterproto
from grpclib.encoding.base import CodecBase

from . import _fast, _speedups
from ._messages import WorkflowRequest, WorkItem
from ._scan import Scanned, Span, scan, timestamp_ns
from ._wire import MAX_DEPTH, NUMBER_ZERO, DecodeError, EncodeError, length, short_varint, size, skip, unsigned

__all__ = [
    "MAX_DEPTH",
    "DecodeError",
    "EncodeError",
    "GrpcCodec",
    "RequestParts",
    "Scanned",
    "Span",
    "WorkItemParts",
    "check",
    "decode",
    "decode_at",
    "encode",
    "pieces",
    "scan",
    "splice",
    "splice_work_item",
    "splice_workflow_request",
    "split",
    "split_work_item",
    "timestamp_ns",
]

M = TypeVar("M", bound=betterproto.Message)

_CODEC: dict[Any, tuple[Any, Any, Any]] = _fast.CODEC
_READ = {cls: read for cls, (_, read, _) in _CODEC.items()}
_WRITE = {cls: write for cls, (_, _, write) in _CODEC.items()}
_speedups.install(_CODEC)

_LARGE = 1 << 16
"""Bytes from which on decoding pauses the cyclic garbage collector: everything it would look at is alive."""


def decode(cls: type[M], data: bytes) -> M:
    """The message of type `cls` that `data` holds. Raises DecodeError.

    While a message of 64 KiB or more is read the garbage collector is off: it would find nothing, again and again.
    """
    read = _READ.get(cls)
    if read is None:
        return _decode_foreign(cls, data)
    if len(data) < _LARGE or not gc.isenabled():
        message: M = _speedups.merge(read, cls, bytes(data), None)
        return message
    gc.disable()
    try:
        message = _speedups.merge(read, cls, bytes(data), None)
    finally:
        gc.enable()
    return message


def decode_at(cls: type[M], data: bytes, start: int, stop: int) -> M:
    """The message of type `cls` (one of ours) that `data[start:stop]` holds. Raises DecodeError."""
    try:
        message: M = _READ[cls](data, start, stop, MAX_DEPTH)
    except (IndexError, struct.error):
        raise DecodeError(f"{cls.__name__}: cut short") from None
    except ValueError as error:
        raise DecodeError(f"{cls.__name__}: {error}") from None
    return message


def encode(message: betterproto.Message) -> bytes:
    """The bytes of `message`, the same for equal messages. Raises EncodeError for what a field cannot hold."""
    write = _WRITE.get(type(message))
    if write is None:
        return bytes(message)
    return _speedups.to_wire(write, message)


#: Texts from this length on are not written to find out whether a message can be.
_LONG = 4096


def check(message: betterproto.Message) -> None:
    """Raise what `encode` would raise, without copying long texts: those of ASCII always have bytes.

    They are taken out of the message for the moment, so another thread must not look at it.
    """
    out: list[tuple[dict[str, Any], str, str]] = []
    _take_out(message, out, 0)
    try:
        encode(message)
    finally:
        for values, name, text in out:
            values[name] = text


def _take_out(message: betterproto.Message, out: list[tuple[dict[str, Any], str, str]], depth: int) -> None:
    """Put short texts in the place of the long ones, which go to `out`."""
    if depth > MAX_DEPTH:
        return
    values = message.__dict__
    for name, value in values.items():
        if type(value) is str:
            if len(value) >= _LONG and value.isascii():
                out.append((values, name, value))
                values[name] = "x"  # not "": where no text may be, that would pass for nothing
        elif type(value) is list:
            for each in value:
                if isinstance(each, betterproto.Message):
                    _take_out(each, out, depth + 1)
        elif isinstance(value, betterproto.Message):
            _take_out(value, out, depth + 1)


def _decode_foreign(cls: type[M], data: bytes) -> M:
    """Classes that are not ours (betterproto's own Empty, say) are left to betterproto."""
    try:
        return cls().parse(data)
    except Exception as error:
        raise DecodeError(f"{cls.__name__}: {error}") from error


class GrpcCodec(CodecBase):
    """What grpclib calls to turn messages into bytes and back.

    The raw seam: a `bytes` object is sent as it is, whatever type the method declares; and where the declared type is
    `bytes`, what arrives is handed on as it is. So encoded messages travel through stubs without being decoded.
    """

    __content_subtype__ = "proto"

    def encode(self, message: Any, message_type: Any) -> bytes:
        if isinstance(message, bytes | bytearray | memoryview):
            return bytes(message)
        if message_type is not bytes and not isinstance(message, message_type):
            raise TypeError(f"expected a {message_type.__name__} or bytes to send, got {type(message).__name__}")
        return encode(message)

    def check(self, message: Any, message_type: Any) -> None:
        """Raise what `encode` would raise, at less cost."""
        if type(message) in _WRITE and isinstance(message, message_type):
            check(message)
        else:
            self.encode(message, message_type)

    def decode(self, data: bytes, message_type: Any) -> Any:
        return bytes(data) if message_type is bytes else decode(message_type, data)


class WorkItemParts(NamedTuple):
    """A WorkItem, taken apart: `data[start:stop]` is the request."""

    kind: int
    """Field number of the request: 1 workflow, 2 activity, 6 health ping; 0 for one that we do not know."""
    data: bytes
    start: int
    stop: int
    completion_token: str


class RequestParts(NamedTuple):
    """A WorkflowRequest, taken apart."""

    past: list[Span]
    """Where each past event begins and ends in the buffer."""
    new: list[Span]
    """The same for the new events."""
    head: bytes
    """All other fields, encoded: a WorkflowRequest without events."""


def _fields(b: bytes, i: int, end: int) -> Iterable[tuple[int, int, int, int]]:
    """Each field of b[i:end]: its tag, where it begins, where its value begins (past a size), where it ends."""
    try:
        while i < end:
            start = i
            t = b[i]
            i += 1
            if t > 127:
                t, i = short_varint(b, i, t)
            if t < 8:
                raise DecodeError(NUMBER_ZERO)
            if t & 7 == 2:
                n = b[i]
                i += 1
                if n > 127:
                    n, i = length(b, i, n)
                stop = i + n
                if stop > end:
                    raise DecodeError("cut short")
            else:
                stop = skip(b, i, t, end, MAX_DEPTH)
            yield t, start, i, stop
            i = stop
    except IndexError:
        raise DecodeError("cut short") from None


def split_work_item(data: bytes) -> WorkItemParts:
    """Find the request and the completion token in an encoded WorkItem. Raises DecodeError."""
    kind = start = stop = 0
    token = b""
    for t, _, i, j in _fields(data, 0, len(data)):
        if t == 82:
            token = data[i:j]
        elif t in (10, 18, 50):
            if kind == t >> 3:  # sent in pieces, which are to be merged: leave that to the careful reader
                item = decode(WorkItem, data)
                name, request = betterproto.which_one_of(item, "request")
                merged = encode(request) if isinstance(request, betterproto.Message) else b""
                known = {"workflow_request": 1, "activity_request": 2, "health_ping": 6}
                return WorkItemParts(known.get(name, 0), merged, 0, len(merged), item.completion_token)
            kind, start, stop = t >> 3, i, j
    try:
        return WorkItemParts(kind, data, start, stop, token.decode())
    except UnicodeDecodeError:
        raise DecodeError("WorkItem: completionToken is not UTF-8") from None


def split(data: bytes, start: int = 0, stop: int | None = None) -> RequestParts:
    """Find the events in the encoded WorkflowRequest `data[start:stop]`, without reading them. Raises DecodeError."""
    end = len(data) if stop is None else stop
    past: list[Span] = []
    new: list[Span] = []
    head: list[bytes] = []
    i = start
    try:
        while i < end:
            t = data[i]
            if t == 26 or t == 34:
                n = data[i + 1]
                i += 2
                if n > 127:
                    c = data[i]
                    if c < 128:
                        n += (c << 7) - 128
                        i += 1
                    else:
                        n, i = length(data, i, n)
                j = i + n
                if t == 26:
                    past.append((i, j))
                else:
                    new.append((i, j))
                i = j
            else:
                for t, first, value, last in _fields(data, i, end):
                    if t == 26:
                        past.append((value, last))
                    elif t == 34:
                        new.append((value, last))
                    else:
                        head.append(data[first:last])
                    i = last
                    break
    except IndexError:
        raise DecodeError("WorkflowRequest: cut short") from None
    if i != end:
        raise DecodeError("WorkflowRequest: cut short")
    return RequestParts(past, new, b"".join(head))


def pieces(data: bytes, number: int, start: int = 0, stop: int | None = None) -> list[bytes]:
    """The elements of the repeated field `number` (of messages, strings or bytes) in an encoded message, as they are.

    `pieces(response, 2)` are the actions of a WorkflowResponse. Raises DecodeError.
    """
    wanted = number << 3 | 2
    end = len(data) if stop is None else stop
    return [data[i:j] for t, _, i, j in _fields(data, start, end) if t == wanted]


def splice(message: betterproto.Message | bytes, number: int, elements: Iterable[bytes]) -> bytes:
    """`message`, encoded, with encoded `elements` added to its repeated field `number`.

    Equal to encoding a message that holds the decoded elements, if it held none before and `elements` are encoded as
    `encode` does it.
    """
    data = message if isinstance(message, bytes) else encode(message)
    at = len(data)
    for t, start, _, _ in _fields(data, 0, len(data)):
        if t >> 3 > number:
            at = start
            break
    tag = unsigned(number << 3 | 2)
    out = [data[:at]]
    for element in elements:
        out += (tag, size(len(element)), element)
    out.append(data[at:])
    return b"".join(out)


def splice_workflow_request(
    head: WorkflowRequest | bytes, past: Iterable[bytes] = (), new: Iterable[bytes] = ()
) -> bytes:
    """An encoded WorkflowRequest: `head` (without events), and events that are already encoded."""
    return splice(splice(head, 3, past), 4, new)


def splice_work_item(kind: int, request: bytes, completion_token: str) -> bytes:
    """An encoded WorkItem around an encoded request; `kind` is 1 for a WorkflowRequest, 2 for an ActivityRequest."""
    if kind not in (1, 2, 6):
        raise ValueError(f"a WorkItem holds a request of kind 1, 2 or 6, not {kind}")
    return b"".join(
        (unsigned(kind << 3 | 2), size(len(request)), request, encode(WorkItem(completion_token=completion_token)))
    )
