"""Timeouts and sleeping: cancel scopes with a deadline, as in Trio, and so durable timers."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager
from math import inf, isnan
from typing import NoReturn

from trio_durable._core.scopes import CancelScope
from trio_durable._core.tasks import CANCEL_POINT, checkpoint, current_scheduler, current_task, wait_on

__all__ = [
    "current_effective_deadline",
    "current_time",
    "fail_after",
    "fail_at",
    "move_on_after",
    "move_on_at",
    "sleep",
    "sleep_forever",
    "sleep_until",
]


def current_effective_deadline() -> float:
    """When the code here will be cancelled, in seconds: -inf if it is already, inf if no deadline stands."""
    scope = current_task()._scope
    if scope is None or scope._cancelled:
        return -inf
    deadline = inf
    while scope is not None:
        deadline = min(deadline, scope._deadline)
        if scope._shield:
            break
        scope = scope._parent
    return deadline


def move_on_at(deadline: float, *, shield: bool = False) -> CancelScope:
    """A scope that is left quietly at `deadline`, seconds on the orchestration's clock."""
    try:
        return CancelScope(deadline=deadline, shield=shield)
    except TypeError:
        raise TypeError(
            f"a deadline is a number of seconds on the orchestration's clock, got {deadline!r}. "
            "Of a datetime with a time zone, give its timestamp()."
        ) from None


def move_on_after(seconds: float, *, shield: bool = False) -> CancelScope:
    """A scope that is left quietly `seconds` after it was entered."""
    _not_negative(seconds)
    if isnan(seconds):
        raise ValueError("`seconds` must not be NaN")
    return CancelScope(relative_deadline=seconds, shield=shield)


@contextmanager
def fail_at(deadline: float, *, shield: bool = False) -> Generator[CancelScope, None, None]:
    """A scope that is left with TooSlowError at `deadline`, seconds on the orchestration's clock."""
    with move_on_at(deadline, shield=shield) as scope:
        yield scope
    if scope.cancelled_caught:
        raise scope._scheduler.words.TooSlowError


@contextmanager
def fail_after(seconds: float, *, shield: bool = False) -> Generator[CancelScope, None, None]:
    """A scope that is left with TooSlowError `seconds` after it was entered."""
    with move_on_after(seconds, shield=shield) as scope:
        yield scope
    if scope.cancelled_caught:
        raise scope._scheduler.words.TooSlowError


def current_time() -> float:
    """The orchestration's clock: seconds since 1970, UTC.  It stands still between events."""
    return current_scheduler().time()


async def sleep_forever() -> NoReturn:
    """Wait until cancelled."""
    await wait_on(CANCEL_POINT)
    raise RuntimeError("Should never have been rescheduled!")


async def sleep_until(deadline: float) -> None:
    """Wait for `deadline`, seconds on the orchestration's clock; a checkpoint if that is past."""
    with move_on_at(deadline):
        await sleep_forever()


async def sleep(seconds: float) -> None:
    """Wait for `seconds`; 0 is a checkpoint that asks for no timer.  Raises ValueError for a negative number or NaN."""
    _not_negative(seconds)
    if seconds == 0:
        await checkpoint()
    else:
        await sleep_until(current_scheduler().time() + seconds)


def _not_negative(seconds: float) -> None:
    try:
        negative = seconds < 0
    except TypeError:
        raise TypeError(
            f"expected a number of seconds, got {seconds!r}. Of a timedelta, give total_seconds()."
        ) from None
    if negative:
        raise ValueError("`seconds` must be non-negative")
