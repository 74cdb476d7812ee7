"""The one place that takes from Trio what is not a plain public name of it, and hands Trio's exceptions to the core.

`trio.Cancelled` has no public constructor: it is made by `Cancelled._create`, which is what Trio's own `__reduce__`
calls.  Nothing else here touches a private name of Trio's, and a test holds this one to its contract.
"""

from __future__ import annotations

import trio

from trio_durable._core.signals import CancelReason, Vocabulary

__all__ = ["ABC", "TRIO", "TRIO_LOWLEVEL", "Abort"]

#: Trio's abstract classes, which hold nothing.
ABC = trio.abc

#: Trio's low level, looked at for its names; of its contents only sentinels, types and markers are used.
TRIO_LOWLEVEL = trio.lowlevel

#: What abort functions answer.
Abort = trio.lowlevel.Abort


def _cancelled(reason: CancelReason) -> BaseException:
    made: BaseException = trio.Cancelled._create(
        source=reason.source,  # type: ignore[arg-type]
        source_task=reason.source_task,
        reason=reason.reason,
    )
    return made


def _cancelled_without_reason(reason: CancelReason) -> BaseException:
    made: BaseException = trio.Cancelled._create()
    return made


def _has_reasons() -> bool:
    try:
        _cancelled(CancelReason("unknown"))
    except TypeError:  # Trio before 0.31
        return False
    return True


TRIO = Vocabulary(
    Cancelled=trio.Cancelled,
    cancelled=_cancelled if _has_reasons() else _cancelled_without_reason,
    WouldBlock=trio.WouldBlock,
    TooSlowError=trio.TooSlowError,
    BrokenResourceError=trio.BrokenResourceError,
    ClosedResourceError=trio.ClosedResourceError,
    BusyResourceError=trio.BusyResourceError,
    EndOfChannel=trio.EndOfChannel,
)
