"""The classes of the errors that tasks meet, handed in from outside.

`_core` imports no third party, yet user code must be able to write `except trio.TooSlowError`.  So whoever makes a
scheduler gives it its vocabulary; `PLAIN` is the core's own, for tests and for those who have none.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

__all__ = ["PLAIN", "CancelReason", "PlainCancelled", "Vocabulary"]


@dataclass(slots=True)
class CancelReason:
    """Why a scope is cancelled.  source: "deadline", "explicit", "nursery", "shutdown" or "unknown"."""

    source: str
    source_task: str | None = None
    reason: str | None = None


class PlainCancelled(BaseException):
    """What a task of a cancelled scope meets at its next checkpoint."""

    def __init__(self, reason: CancelReason) -> None:
        super().__init__(f"cancelled due to {reason.source}" + (f" ({reason.reason})" if reason.reason else ""))


class _WouldBlock(Exception): ...


class _TooSlow(Exception): ...


class _BrokenResource(Exception): ...


class _ClosedResource(Exception): ...


class _BusyResource(Exception): ...


class _EndOfChannel(Exception): ...


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """The error classes that tasks of one scheduler meet, under Trio's names."""

    #: recognises a cancellation
    Cancelled: type[BaseException] = PlainCancelled
    #: makes one
    cancelled: Callable[[CancelReason], BaseException] = PlainCancelled
    WouldBlock: type[Exception] = _WouldBlock
    TooSlowError: type[Exception] = _TooSlow
    BrokenResourceError: type[Exception] = _BrokenResource
    ClosedResourceError: type[Exception] = _ClosedResource
    BusyResourceError: type[Exception] = _BusyResource
    EndOfChannel: type[Exception] = _EndOfChannel


PLAIN = Vocabulary()
