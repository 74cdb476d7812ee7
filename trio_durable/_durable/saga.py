"""The saga scope: work that is undone, durably and in reverse, when what it belongs to does not come to its end.

    async with ctx.saga() as saga:
        await ctx.call_activity(book_hotel, input=trip)
        saga.compensate(cancel_hotel, input=trip)
        await ctx.call_activity(book_flight, input=trip)     # fails: cancel_hotel runs, then the failure goes on

The rules:

1. A compensation is registered after the step that it undoes; registering asks for nothing.
2. When the body raises or is cancelled, all of them run, the last registered first, one after another.  Cancellation of
   scopes around the saga does not reach them.
3. A compensation that fails does not keep the others from running.  Then CompensationError is raised from what the body
   raised; a cancellation stays a cancellation, and the failures are logged.
4. When the body comes to its end nothing runs, and when the instance is terminated or disposed of nothing does either:
   then none of its code runs.

A generator orchestrator has no `async with`; this does the same there:

    saga = ctx.saga()
    try:
        ...
    except BaseException:  # a cancellation is no Exception
        yield saga.undo()
        raise
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable
from types import TracebackType
from typing import TYPE_CHECKING, Any

from trio_durable._core.futures import DurableFuture
from trio_durable._core.retry import RetryPolicy
from trio_durable._core.scopes import CancelScope
from trio_durable._errors import CompensationError

if TYPE_CHECKING:
    from trio_durable._durable.context import OrchestrationContext

__all__ = ["Saga"]

_ABSENT: Any = object()


class Saga:
    """The compensations of one saga scope; `ctx.saga()` makes it."""

    def __init__(self, context: OrchestrationContext) -> None:
        self._context = context
        self._undo: list[tuple[str, Callable[[], Awaitable[Any] | Any]]] = []

    def __len__(self) -> int:
        """How many compensations are registered."""
        return len(self._undo)

    def compensate(
        self,
        undo: Callable[..., Any] | str,
        *args: Any,
        input: object = _ABSENT,
        retry_policy: RetryPolicy | None = None,
    ) -> None:
        """Register `undo`: an activity (a registered function or a name), or a function of the orchestration's own.

        An activity gets `input`, as in `ctx.call_activity`; a function is called with `args`, and awaited if what it
        returns can be.
        """
        if not isinstance(undo, str) and not callable(undo):
            raise TypeError(f"a compensation is an activity or a function, got {undo!r}")
        if isinstance(undo, str) or input is not _ABSENT or self._context._payloads.is_activity(undo):
            if args:
                raise TypeError(f"an activity takes one value: saga.compensate({_name(undo)}, input=...)")
            value = None if input is _ABSENT else input
            self._undo.append(
                (_name(undo), lambda: self._context.call_activity(undo, input=value, retry_policy=retry_policy))
            )
        else:
            if retry_policy is not None:
                raise TypeError(f"{_name(undo)} is no activity, and only an activity has a retry policy")
            function = undo
            self._undo.append((_name(undo), lambda: function(*args)))

    def undo(self) -> DurableFuture[None]:
        """Run the compensations now, the last registered first; for generators: `yield saga.undo()`.

        Fails with CompensationError if any of them failed.  What has been undone is forgotten.  The wait for it is not
        cancelled: they run to their end in a cancelled orchestration, too.
        """
        return self._context._start(self._run_and_raise(), "saga")

    async def __aenter__(self) -> Saga:
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        if error is None or isinstance(error, GeneratorExit):
            return
        failures = await self._run()
        if not failures:
            return
        if isinstance(error, Exception):
            raise _compensation_error(failures) from error
        for name, failure in failures:
            self._context.logger.error("compensation %s failed during a cancellation: %s", name, failure)

    async def _run_and_raise(self) -> None:
        failures = await self._run()
        if failures:
            raise _compensation_error(failures)

    async def _run(self) -> list[tuple[str, Exception]]:
        failures = []
        with CancelScope(shield=True):
            while self._undo:
                name, undo = self._undo.pop()
                try:
                    result = undo()
                    if inspect.isawaitable(result):
                        await result
                except Exception as failure:
                    failures.append((name, failure))
        return failures


def _compensation_error(failures: list[tuple[str, Exception]]) -> CompensationError:
    told = "; ".join(f"{name}: {failure}" for name, failure in failures)
    return CompensationError(
        f"{len(failures)} of the saga's compensations failed, and what they should have undone stands: {told}",
        [failure for _, failure in failures],
    )


def _name(undo: Callable[..., Any] | str) -> str:
    return undo if isinstance(undo, str) else getattr(undo, "__name__", repr(undo))
