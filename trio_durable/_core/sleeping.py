"""Sleeping on the orchestration's clock: a cancel scope with a deadline, as in Trio, and so a durable timer."""

from __future__ import annotations

from typing import NoReturn

from trio_durable._core.scopes import move_on_at
from trio_durable._core.tasks import CANCEL_POINT, checkpoint, current_scheduler, wait_on

__all__ = ["current_time", "sleep", "sleep_forever", "sleep_until"]


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
    if seconds < 0:
        raise ValueError("`seconds` must be non-negative")
    if seconds == 0:
        await checkpoint()
    else:
        await sleep_until(current_scheduler().time() + seconds)
