"""`async with ctx`: what is to be done when the block ends, however it ends; and looking at oneself."""

from __future__ import annotations

import inspect
import logging
from collections.abc import Callable
from types import TracebackType
from typing import Any, TypeVar

from trio_durable._core.futures import DurableFuture
from trio_durable._core.scopes import CancelScope
from trio_durable._durable.identity import Identity
from trio_durable._durable.logger import ReplaySafeLogger
from trio_durable._durable.together import Together

__all__ = ["Cleanup"]

C = TypeVar("C", bound="Cleanup")


class Cleanup(Together, Identity):
    """The part of the orchestration context that tidies up and reports."""

    _cleanups: list[tuple[Callable[..., Any], tuple[Any, ...]]] | None = None
    _logger: ReplaySafeLogger | None = None

    def add_cleanup(self, function: Callable[..., Any], *args: Any) -> None:
        """Call `function(*args)`, and await what it returns if that can be, when the `async with ctx` block ends.

        The last one added runs first.  They run after a failure and in a cancellation, too, but not when the instance
        is terminated: then none of its code runs.
        """
        if not callable(function):
            raise TypeError(f"a cleanup is a function, got {function!r}; for a coroutine give its function")
        if self._cleanups is None:
            self._cleanups = []
        self._cleanups.append((function, args))

    def run_cleanups(self) -> DurableFuture[None]:
        """Run the cleanups now; for generators, which have no `async with`: `yield ctx.run_cleanups()`.

        Fails with an ExceptionGroup of what they raised; in a `finally` clause, that takes the place of what the body
        raised, which stays its cause.  The wait for it is not cancelled.
        """
        return self._start(self._clean_and_raise(), "cleanups")

    async def __aenter__(self: C) -> C:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if isinstance(error, GeneratorExit):
            return
        failures = await self._clean()
        if not failures:
            return
        if error is None:
            raise ExceptionGroup("cleanups of the orchestration failed", failures)
        # The block's own failure is what matters; these are told beside it.
        for failure in failures:
            error.add_note(f"a cleanup failed, too: {type(failure).__name__}: {failure}")
            self.logger.error("a cleanup failed: %s: %s", type(failure).__name__, failure)

    async def _clean_and_raise(self) -> None:
        failures = await self._clean()
        if failures:
            raise ExceptionGroup("cleanups of the orchestration failed", failures)

    async def _clean(self) -> list[Exception]:
        failures: list[Exception] = []
        with CancelScope(shield=True):
            while self._cleanups:
                function, args = self._cleanups.pop()
                try:
                    result = function(*args)
                    if inspect.isawaitable(result):
                        await result
                except Exception as failure:
                    failures.append(failure)
        return failures

    @property
    def logger(self) -> ReplaySafeLogger:
        """A logger that is silent while the orchestration replays; its name ends with the orchestrator's."""
        if self._logger is None:
            self._logger = self.create_replay_safe_logger(logging.getLogger(f"trio_durable.orchestration.{self.name}"))
        return self._logger

    def create_replay_safe_logger(self, logger: logging.Logger) -> ReplaySafeLogger:
        """`logger`, silent while the orchestration replays."""
        return ReplaySafeLogger(logger, self)

    def get_debug_info(self) -> dict[str, Any]:
        """Where the orchestration stands, in plain values, for people: what is asked for, what is waited for."""
        info = self.info
        return {
            "instance_id": info.instance_id,
            "name": info.name,
            "version": info.version,
            "parent_instance_id": info.parent_instance_id,
            "execution_id": self.execution_info.execution_id,
            "is_replaying": info.is_replaying,
            "is_suspended": info.is_suspended,
            "current_utc_datetime": info.current_utc_datetime.isoformat(),
            "history_event_sequence": info.history_event_sequence,
            **self._replay.debug_info(),
        }
