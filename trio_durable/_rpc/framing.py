"""gRPC's length-prefixed messages: one flag byte, four bytes of length, the message.

Rules:

1. A message that is too long is refused when its prefix has been read, before any of its body is buffered.
2. Raw bytes travel untouched; what they mean is the codec's affair.
3. Reading is a checkpoint for cancellation on every message, and gives way to other tasks every `_FAIR` messages that
   came without waiting: a fast peer must not starve the rest of the program.
"""

from __future__ import annotations

import struct
from typing import Any

import trio
from grpclib.const import Status
from grpclib.exceptions import GRPCError

from .parking import Buffer

__all__ = ["PREFIX_SIZE", "frame_message", "read_message"]

_PREFIX = struct.Struct(">?I")
PREFIX_SIZE = _PREFIX.size
_LARGEST = 2**32 - 1
_FAIR = 32


class Pace:
    """Counts the messages that came without waiting, so that a busy stream gives way now and then."""

    __slots__ = ("_run",)

    def __init__(self) -> None:
        self._run = 0

    async def __call__(self, *, waits: bool) -> None:
        self._run = 0 if waits else self._run + 1
        if self._run >= _FAIR:
            self._run = 0
            await trio.lowlevel.checkpoint()
        else:
            await trio.lowlevel.checkpoint_if_cancelled()


async def read_message(buffer: Buffer, limit: int | None) -> bytes | None:
    """The next message, or None at the end of the stream.

    Raises GRPCError(RESOURCE_EXHAUSTED) for a message longer than `limit` bytes, GRPCError(UNIMPLEMENTED) for a
    compressed one (we never offer compression) and `StreamLost` for a stream that broke.
    """
    prefix = await buffer.read(PREFIX_SIZE)
    if not prefix:
        return None
    compressed, length = _PREFIX.unpack(prefix)
    if compressed:
        raise GRPCError(
            Status.UNIMPLEMENTED, "the peer sent a compressed message; compression was not offered, switch it off there"
        )
    if limit is not None and length > limit:
        raise GRPCError(
            Status.RESOURCE_EXHAUSTED,
            f"a message of {length} bytes is longer than max_receive_message_length={limit}; "
            "raise that option here or send less",
        )
    return await buffer.read(length)


def frame_message(data: bytes, limit: int | None = None) -> bytes:
    """`data` with its prefix.  Raises GRPCError(RESOURCE_EXHAUSTED) if it is longer than gRPC or `limit` allows."""
    length = len(data)
    if length > _LARGEST or (limit is not None and length > limit):
        allowed = _LARGEST if limit is None else limit
        raise GRPCError(
            Status.RESOURCE_EXHAUSTED, f"a message of {length} bytes is longer than the {allowed} that may be sent"
        )
    return _PREFIX.pack(False, length) + data


def encode(codec: Any, message: Any, message_type: Any) -> bytes:
    """`codec.encode`, or `message` itself if it is raw bytes."""
    if isinstance(message, bytes):
        return message
    if isinstance(message, (bytearray, memoryview)):
        return bytes(message)
    encoded: bytes = codec.encode(message, message_type)
    return encoded


def check(codec: Any, message: Any) -> None:
    """Raise what `encode` would raise; a codec may have a cheaper way to find out."""
    if not isinstance(message, (bytes, bytearray, memoryview)):
        getattr(codec, "check", codec.encode)(message, type(message))


def decode(codec: Any, data: bytes, message_type: Any, method: str) -> Any:
    """`codec.decode`, or `data` itself where raw bytes are wanted; GRPCError(INTERNAL) for malformed messages."""
    if message_type is bytes:
        return data
    try:
        return codec.decode(data, message_type)
    except Exception as error:
        raise GRPCError(
            Status.INTERNAL, f"cannot decode a {getattr(message_type, '__name__', message_type)} of {method}: {error}"
        ) from error
