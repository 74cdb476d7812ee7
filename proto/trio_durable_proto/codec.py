"""Messages to bytes and back (the plain codec; the generated one takes its place behind the same names)."""

from __future__ import annotations

from typing import Any, TypeVar

import betterproto
from grpclib.encoding.base import CodecBase

M = TypeVar("M", bound=betterproto.Message)


class DecodeError(ValueError):
    """The bytes are not a message of the type asked for."""


def decode(cls: type[M], data: bytes) -> M:
    """The message of type `cls` that `data` holds; raises DecodeError."""
    try:
        return cls().parse(data)
    except Exception as error:
        raise DecodeError(f"{cls.__name__}: {error}") from error


def encode(message: betterproto.Message) -> bytes:
    """The bytes of `message`."""
    return bytes(message)


class GrpcCodec(CodecBase):
    """grpclib's seam: messages through `decode` and `encode`; `bytes` untouched, both ways."""

    __content_subtype__ = "proto"

    def encode(self, message: Any, message_type: Any) -> bytes:
        if isinstance(message, bytes):
            return message
        return encode(message)

    def decode(self, data: bytes, message_type: Any) -> Any:
        if message_type is bytes:
            return data
        return decode(message_type, data)
