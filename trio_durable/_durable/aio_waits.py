"""asyncio's timeouts and its waiting for several things, on the orchestration's own scheduler."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Coroutine, Iterable, Iterator
from math import inf
from typing import Any

from trio_durable._core.deadlines import Deadline
from trio_durable._core.tasks import current_scheduler
from trio_durable._durable.aio_futures import AioFuture, AioTask, running_task
from trio_durable._durable.aio_tasks import ensure, first_done, pause

__all__ = ["Timeout", "as_completed", "timeout", "timeout_at", "wait", "wait_for"]


class Timeout(Deadline):
    """`async with timeout(seconds):` raises TimeoutError when it lasts longer.  The deadline is a durable timer."""

    __slots__ = ("_cancelling", "_scheduler", "_state", "_task", "_when")

    def __init__(self, when: float | None) -> None:
        super().__init__()
        self._when = when
        self._state = "created"
        self._scheduler: Any = None
        self._task: AioTask | None = None
        self._cancelling = 0

    def __repr__(self) -> str:
        when = f" when={self._when}" if self._state == "active" and self._when is not None else ""
        return f"<Timeout [{self._state}]{when}>"

    def when(self) -> float | None:
        """The deadline, on the clock of `asyncio.get_running_loop().time()`; None if there is none."""
        return self._when

    def reschedule(self, when: float | None) -> None:
        """Set another deadline, or none."""
        if self._state == "created":
            raise RuntimeError("Timeout has not been entered")
        if self._state != "active":
            raise RuntimeError(f"Cannot change state of {self._state} Timeout")
        self._when = when
        self._register()

    def expired(self) -> bool:
        """Whether the deadline has passed."""
        return self._state in ("expiring", "expired")

    async def __aenter__(self) -> Timeout:
        if self._state != "created":
            raise RuntimeError("Timeout has already been entered")
        self._state = "active"
        self._scheduler = current_scheduler()
        self._scheduler.deadlines.entered(self)
        self._task = running_task()
        self._cancelling = self._task.cancelling()
        self._register()
        return self

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: object) -> None:
        assert self._task is not None
        if self._state == "expiring":
            self._state = "expired"
            if self._task.uncancel() <= self._cancelling and isinstance(error, asyncio.CancelledError):
                raise TimeoutError from error
        elif self._state == "active":
            self._state = "finished"
            self._register()

    def _register(self) -> None:
        deadline = inf if self._when is None or self._state != "active" else self._when
        self._scheduler.deadlines.register(self, deadline, self._scheduler.now)

    def _expire(self) -> None:
        assert self._task is not None
        self._state = "expiring"
        self._register()
        self._task.cancel()

    def _move(self, deadline: float) -> None:
        self._when = deadline
        self._register()


def timeout(delay: float | None) -> Timeout:
    """A timeout `delay` seconds from now; None for none."""
    return Timeout(None if delay is None else current_scheduler().time() + delay)


def timeout_at(when: float | None) -> Timeout:
    """A timeout at `when`, on the clock of `asyncio.get_running_loop().time()`; None for none."""
    return Timeout(when)


async def wait_for(awaitable: Awaitable[Any], timeout: float | None) -> Any:  # noqa: ASYNC109 (asyncio's name)
    """The result of `awaitable`; when `timeout` seconds have passed it is cancelled and TimeoutError raised."""
    if timeout is None:
        return await awaitable
    if timeout <= 0:
        future = ensure(awaitable)
        if not future.done():
            future.cancel()
            try:
                await future
            except asyncio.CancelledError as error:
                raise TimeoutError from error
        return future.result()
    async with Timeout(current_scheduler().time() + timeout):
        return await awaitable


async def wait(
    fs: Iterable[Any], *, timeout: float | None = None, return_when: str = asyncio.ALL_COMPLETED  # noqa: ASYNC109
) -> tuple[set[Any], set[Any]]:
    """Wait until all, the first, or the first to fail (`return_when`) are done, or `timeout` seconds have passed.

    Takes tasks and what the context's calls return, not coroutines; returns those that are done and those that are not.
    """
    if isinstance(fs, AioFuture) or asyncio.iscoroutine(fs):
        raise TypeError(f"expect a list of futures, not {type(fs).__name__}")
    given = list(dict.fromkeys(fs))
    if not given:
        raise ValueError("Set of Tasks/Futures is empty.")
    if any(asyncio.iscoroutine(each) for each in given):
        raise TypeError("Passing coroutines is forbidden, use tasks explicitly.")
    if return_when not in (asyncio.ALL_COMPLETED, asyncio.FIRST_COMPLETED, asyncio.FIRST_EXCEPTION):
        raise ValueError(f"Invalid return_when value: {return_when}")
    futures = {each: ensure(each) for each in given}

    missing = len(futures)
    # One future for the whole wait: who is woken by each that is done could no longer be cancelled by the last of them.
    enough = AioFuture()
    enough._waits_for = list(futures.values())

    def one_done(future: AioFuture) -> None:
        nonlocal missing
        missing -= 1
        failed = future._exception is not None and not future.cancelled()
        if (
            missing == 0
            or return_when == asyncio.FIRST_COMPLETED
            or (return_when == asyncio.FIRST_EXCEPTION and failed)
        ):
            enough._settle(None, None)

    for future in futures.values():
        future._observe(one_done)
    try:
        async with Timeout(None if timeout is None else current_scheduler().time() + timeout):
            if enough.done():
                await pause()
            else:
                await enough
    except TimeoutError:
        pass
    finally:
        for each, future in futures.items():
            future._ignore(one_done)
            if future is not each:
                future.cancel()  # the task that waited for a durable future on our behalf
    done = {each for each, future in futures.items() if _is_done(each, future)}
    return done, {each for each in given if each not in done}


def _is_done(each: Any, future: AioFuture) -> bool:
    return future.done() if isinstance(each, AioFuture) else bool(each.is_complete)


class as_completed:
    """The results in the order in which they come, for `for` and for `async for`.

    `for coro in as_completed(...)` gives coroutines, of which each gives the next result.  `async for future in
    as_completed(...)` gives what was passed in itself (for a coroutine, its task), done.  Either raises TimeoutError
    when `timeout` seconds have passed first.
    """

    def __init__(self, fs: Iterable[Awaitable[Any]], *, timeout: float | None = None) -> None:
        self._deadline = None if timeout is None else current_scheduler().time() + timeout
        self._given: dict[AioFuture, Any] = {}
        for each in dict.fromkeys(fs):
            future = ensure(each)
            self._given[future] = future if asyncio.iscoroutine(each) else each
        self._pending = dict.fromkeys(self._given)
        self._finished: deque[AioFuture] = deque()
        self._left = len(self._given)
        for future in self._given:
            future._observe(self._ended)

    def __repr__(self) -> str:
        return f"<as_completed: {self._left} left>"

    def _ended(self, future: AioFuture) -> None:
        self._finished.append(future)
        del self._pending[future]

    async def _next(self) -> AioFuture:
        async with Timeout(self._deadline):
            while not self._finished:
                await first_done(self._pending)
        return self._finished.popleft()

    async def _next_result(self) -> Any:
        return (await self._next()).result()

    def __iter__(self) -> Iterator[Coroutine[Any, Any, Any]]:
        return self

    def __next__(self) -> Coroutine[Any, Any, Any]:
        if not self._left:
            raise StopIteration
        self._left -= 1
        return self._next_result()

    def __aiter__(self) -> as_completed:
        return self

    async def __anext__(self) -> Any:
        if not self._left:
            raise StopAsyncIteration
        self._left -= 1
        return self._given[await self._next()]
