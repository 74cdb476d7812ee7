"""The modules that orchestrations see in place of those whose real form would need an event loop.

For now they hold what suspends on the orchestration's clock; every other name of the real module is the sandbox's to
refuse, with its remedy.
"""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any, Protocol

from trio_durable._core.replay import Replay
from trio_durable._core.scheduler import checkpoint

__all__ = ["FACADES", "HasReplay"]


class HasReplay(Protocol):
    """A sandbox run whose `context` the worker has set to the instance's replay."""

    context: Any


async def _sleep(replay: Replay, seconds: float) -> None:
    if seconds > 0:
        nanoseconds = round(min(seconds, 1e15) * 1_000_000) * 1000
        await replay.create_timer(replay.now + nanoseconds)
    else:
        await checkpoint()


def _asyncio(run: HasReplay) -> SimpleNamespace:
    replay: Replay = run.context

    async def sleep(delay: float, result: Any = None) -> Any:
        """A durable timer of `delay` seconds; `result` is returned."""
        await _sleep(replay, delay)
        return result

    return SimpleNamespace(sleep=sleep, TimeoutError=TimeoutError)


def _trio(run: HasReplay) -> SimpleNamespace:
    replay: Replay = run.context

    async def sleep(seconds: float) -> None:
        """A durable timer of `seconds` seconds."""
        if not seconds >= 0:
            raise ValueError("`seconds` must be non-negative")
        await _sleep(replay, seconds)

    def current_time() -> float:
        """The orchestration's clock, in seconds."""
        return replay.now / 1e9

    return SimpleNamespace(sleep=sleep, current_time=current_time)


#: Module name -> what makes it for a run; the worker registers them with the sandbox.
FACADES = {"asyncio": _asyncio, "trio": _trio}
