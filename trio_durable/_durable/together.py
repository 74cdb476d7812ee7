"""Waiting for several things at once."""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Coroutine, Iterable
from datetime import timedelta
from typing import Any, Literal, TypeVar, cast, overload

from trio_durable._core import clock
from trio_durable._core.futures import DurableFuture, combine
from trio_durable._core.futures import when_all as _when_all
from trio_durable._core.futures import when_any as _when_any
from trio_durable._core.replay import Replay
from trio_durable._core.work import ShieldedFuture

__all__ = ["Together", "nanoseconds"]

T = TypeVar("T")


class Together:
    """The part of the orchestration context that combines awaitables."""

    _replay: Replay

    def sleep(self, delay: float | timedelta) -> DurableFuture[None]:
        """A durable timer that fires after `delay`, in seconds unless it is a timedelta."""
        return self._replay.create_timer(self._replay.now + nanoseconds(delay))

    def when_all(self, awaitables: Iterable[Awaitable[T]]) -> DurableFuture[list[T]]:
        """Every result, in the order given; fails with the first failure.  Coroutines are started as tasks."""
        return _when_all([self._future(each) for each in awaitables])

    def when_any(
        self, awaitables: Iterable[Awaitable[Any]], *, cancel_losers: bool = False
    ) -> DurableFuture[DurableFuture[Any]]:
        """The first to have an outcome: the very future passed in (for a coroutine, the future of its task).

        cancel_losers: give up the others then (a coroutine's task is cancelled, an event wait takes no event any more);
        otherwise they go on.  What was asked of the sidecar runs to its end in either case.
        """
        return _when_any([self._future(each) for each in awaitables], cancel_losers=cancel_losers)

    def when_any_with_result(
        self, awaitables: Iterable[Awaitable[T]], *, cancel_losers: bool = False
    ) -> DurableFuture[tuple[int, T]]:
        """The first to have an outcome, as its position in the order given and its result; its failure is raised."""
        futures = [self._future(each) for each in awaitables]
        first = _when_any(futures, cancel_losers=cancel_losers)

        def settle(combined: DurableFuture[tuple[int, T]], first: DurableFuture[DurableFuture[T]]) -> None:
            winner = first.get_result()
            if winner.is_failed:
                combined.fail(cast(BaseException, winner.get_exception()))
            else:
                position = next(index for index, each in enumerate(futures) if each is winner)
                combined.complete((position, winner.get_result()))

        return combine("when_any_with_result", [first], settle)

    @overload
    def gather(
        self, *awaitables: Awaitable[T], return_exceptions: Literal[False] = ...
    ) -> DurableFuture[list[T]]: ...
    @overload
    def gather(
        self, *awaitables: Awaitable[T], return_exceptions: bool
    ) -> DurableFuture[list[T | BaseException]]: ...
    def gather(self, *awaitables: Awaitable[Any], return_exceptions: bool = False) -> DurableFuture[list[Any]]:
        """Every result, in the order given; with `return_exceptions` failures are values in the list."""
        futures = [self._future(each) for each in awaitables]
        if not return_exceptions:
            return _when_all(futures)
        missing = len(futures)

        def settle(combined: DurableFuture[list[Any]], member: DurableFuture[Any]) -> None:
            nonlocal missing
            missing -= 1
            if missing == 0:
                combined.complete([_outcome(each) for each in futures])

        combined = combine(f"gather of {missing}", futures, settle)
        if not futures:
            combined.complete([])
        return combined

    def with_timeout(
        self, awaitable: Awaitable[T], timeout: float | timedelta, *, cancel_losers: bool = True
    ) -> DurableFuture[T]:
        """The result of `awaitable`; fails with TimeoutError when `timeout` (seconds or a timedelta) passes first.

        Then `awaitable` is given up, as by `cancel()`, unless somebody else waits for it: an event wait takes no event
        any more, a coroutine is cancelled.  It may be awaited again.  cancel_losers: False lets it go on.
        """
        future = self._future(awaitable)

        def settle(combined: DurableFuture[T], member: DurableFuture[Any]) -> None:
            if member is not future:
                unit = "" if isinstance(timeout, timedelta) else " s"
                combined.fail(TimeoutError(f"{future!r} had no outcome within {timeout}{unit}"))
                if cancel_losers:
                    future.cancel()
            elif member.is_failed:
                combined.fail(cast(BaseException, member.get_exception()))
            else:
                combined.complete(member.get_result())

        return combine("with_timeout", [future, self.sleep(timeout)], settle)

    def _start(self, coro: Coroutine[Any, Any, T], name: str) -> DurableFuture[T]:
        """Run what brings things in order: a cancellation does not keep anybody from waiting for its end."""
        return self._replay.spawn(coro, name, ShieldedFuture)

    def _future(self, awaitable: Awaitable[T]) -> DurableFuture[T]:
        if isinstance(awaitable, DurableFuture):
            return awaitable
        if inspect.iscoroutine(awaitable):
            return self._replay.spawn(awaitable, awaitable.__qualname__)
        raise TypeError(
            f"expected what the context's calls return or a coroutine of the orchestration, got {awaitable!r}"
        )


def _outcome(future: DurableFuture[Any]) -> Any:
    return future.get_exception() if future.is_failed else future.get_result()


def nanoseconds(delay: float | timedelta) -> int:
    """`delay` in whole microseconds, as nanoseconds; raises TypeError or ValueError for what is no delay."""
    if isinstance(delay, timedelta):
        return clock.from_timedelta(delay)
    if isinstance(delay, bool) or not isinstance(delay, int | float):
        raise TypeError(f"a delay is a number of seconds or a timedelta, got {delay!r}")
    if delay != delay:
        raise ValueError("a delay must be a number of seconds, got NaN")
    if delay in (float("inf"), float("-inf")):
        # An endless delay is a timer that never fires; its opposite is over at once.
        return clock.FOREVER if delay > 0 else 0
    return round(delay * 1_000_000) * 1000
