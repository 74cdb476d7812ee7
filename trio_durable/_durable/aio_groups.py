"""asyncio's TaskGroup, timeouts, and waiting for several things, on the orchestration's own scheduler."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Awaitable, Coroutine, Iterable, Iterator
from contextvars import Context
from math import inf
from typing import Any

from trio_durable._core.deadlines import Deadline
from trio_durable._core.scopes import CancelScope
from trio_durable._core.tasks import Task, current_scheduler, wait_on
from trio_durable._durable.aio_tasks import AioFuture, AioTask, ensure, first_done, pause, running_task, start

__all__ = ["TaskGroup", "Timeout", "as_completed", "timeout", "timeout_at", "wait", "wait_for"]


class TaskGroup:
    """`async with TaskGroup() as group:` waits for every task that `group.create_task` started.

    The first that fails cancels the others; their failures come out as one ExceptionGroup.
    """

    def __init__(self) -> None:
        self._tasks: dict[AioTask, None] = {}
        self._errors: list[BaseException] = []
        self._entered = self._exiting = self._aborting = False
        self._parent_cancel_requested = False
        self._waiting: Task | None = None
        self._must_stay = False

    def __repr__(self) -> str:
        state = "cancelling" if self._aborting else "entered" if self._entered else "created"
        return f"<TaskGroup tasks={len(self._tasks)} errors={len(self._errors)} {state}>"

    async def __aenter__(self) -> TaskGroup:
        if self._entered:
            raise RuntimeError("TaskGroup has already been entered")
        self._entered = True
        self._parent = running_task()
        self._scope = CancelScope()
        self._scope.__enter__()
        return self

    def create_task(
        self, coro: Coroutine[Any, Any, Any], *, name: str | None = None, context: Context | None = None
    ) -> AioTask:
        """Run `coro` as a task of this group, in `context` or a copy of the caller's.

        Raises RuntimeError outside of the block.
        """
        problem = (
            "has not been entered" if not self._entered
            else "is finished" if self._exiting and not self._tasks
            else "is shutting down" if self._aborting
            else None
        )  # fmt: skip
        if problem is not None:
            coro.close()
            raise RuntimeError(f"TaskGroup {problem}")
        task = start(coro, self._scope, name, self._task_ended, context)
        task._observe(self._task_done)
        self._tasks[task] = None
        return task

    async def __aexit__(self, kind: type[BaseException] | None, error: BaseException | None, tb: object) -> bool:
        remaining = self._scope._close(await self._leave(error))
        if remaining is None:
            return True
        if remaining is error:
            return False
        context = remaining.__context__
        try:
            raise remaining
        finally:
            remaining.__context__ = context
            del remaining, error

    async def _leave(self, error: BaseException | None) -> BaseException | None:
        self._exiting = True
        trios = current_scheduler().words.Cancelled
        by_trio = error if isinstance(error, trios) else None
        cancellation = error if isinstance(error, asyncio.CancelledError) else None
        if self._parent_cancel_requested and self._parent.uncancel() == 0:
            cancellation = None
        if error is not None and by_trio is None and not self._aborting:
            self._abort()
        while self._tasks:
            try:
                await wait_on(self)
            except asyncio.CancelledError as caught:
                if not self._aborting:
                    cancellation = caught
                    self._abort()
            except trios as caught:
                # The scopes of the children see the same cancellation: there is nothing to do but wait for them.
                by_trio = caught
                self._must_stay = True
        if error is not None and not isinstance(error, asyncio.CancelledError) and by_trio is not error:
            self._errors.append(error)
        if self._errors:
            errors = self._errors if by_trio is None else [*self._errors, by_trio]
            return BaseExceptionGroup("unhandled errors in a TaskGroup", errors)
        return by_trio or cancellation

    def park(self, task: Task) -> None:
        self._waiting = task

    def forget(self, task: Task) -> bool:
        if self._must_stay:
            return False
        self._waiting = None
        return True

    def describe(self) -> str:
        return "the tasks of its TaskGroup"

    def held_up_by(self, task: Task) -> Iterable[Task]:
        return [each._task for each in self._tasks if each._task is not None]

    def _abort(self) -> None:
        self._aborting = True
        for task in list(self._tasks):
            task.cancel()

    def _task_done(self, task: AioTask) -> None:
        """Cancels where that has to be; before anybody who waits for `task` is woken."""
        error = task._exception
        if error is not None and not isinstance(error, asyncio.CancelledError | task._cancelled_type):
            self._errors.append(error)
            if not self._aborting and not self._parent_cancel_requested:
                self._abort()
                if not self._exiting:
                    self._parent_cancel_requested = True
                    self._parent.cancel()

    def _task_ended(self, task: AioTask) -> None:
        """Goes on; after everybody who waits for `task`."""
        self._tasks.pop(task, None)
        if not self._tasks and self._waiting is not None:
            waiting, self._waiting = self._waiting, None
            waiting.wake()


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
