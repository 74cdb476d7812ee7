"""asyncio's ways to start tasks and to combine them, on the orchestration's own scheduler.

What tasks and futures are, and the rules of cancelling them, is in `aio_futures.py`.
"""

from __future__ import annotations

import inspect
from collections.abc import Awaitable, Callable, Coroutine, Iterable
from contextvars import Context
from typing import Any, TypeVar

from trio_durable._core.scope_tree import Scope
from trio_durable._core.signals import CancelReason
from trio_durable._core.tasks import Task, checkpoint, current_scheduler, current_task
from trio_durable._durable.aio_futures import AioFuture, AioTask, cancelled_error, is_callback

__all__ = ["all_tasks", "detach", "ensure", "ensure_detached", "first_done", "gather", "pause", "shield", "start"]

T = TypeVar("T")


def all_tasks(loop: object = None) -> set[AioTask]:
    """The tasks that have not ended, those of Trio's nurseries among them; in strict mode a set has an order."""
    tasks = (task for task in current_scheduler().tasks() if not is_callback(task))
    return {task.aio if task.aio is not None else AioTask(task) for task in tasks}


def start(
    coro: Coroutine[Any, Any, Any],
    scope: Scope,
    name: str | None = None,
    ended: Callable[[AioTask], None] | None = None,
    context: Context | None = None,
) -> AioTask:
    """Run `coro` as a task in `scope`, and in `context` or a copy of the caller's."""
    if not inspect.iscoroutine(coro):
        raise TypeError(f"a coroutine was expected, got {coro!r}")
    made = AioTask()

    def on_exit(value: Any, error: BaseException | None) -> None:
        made._settle(value, error)
        if ended is not None:
            ended(made)

    made._task = current_scheduler().spawn(coro, name or coro.__qualname__, on_exit, scope, context)
    made._task.aio = made
    return made


def ensure(awaitable: Awaitable[Any]) -> AioFuture:
    """A future of `awaitable`: itself, or a task that awaits it, in the scope of the caller."""
    if isinstance(awaitable, AioFuture):
        return awaitable
    coro = awaitable if inspect.iscoroutine(awaitable) else _awaiting(awaitable)
    parent = current_task()._scope
    assert parent is not None
    scope = Scope.under(parent)
    return start(coro, scope, ended=lambda made: scope._detach())


def detach(
    coro: Coroutine[Any, Any, Any], *, name: str | None = None, context: Context | None = None, loop: object = None
) -> AioTask:
    """A task that nobody waits for and no scope around the caller cancels: asyncio's, which structure replaces."""
    outermost = current_task()._scope
    assert outermost is not None
    while outermost._parent is not None:
        outermost = outermost._parent
    scope = Scope.under(outermost)
    return start(coro, scope, name, lambda made: scope._detach(), context)


def ensure_detached(awaitable: Awaitable[Any], *, loop: object = None) -> AioFuture:
    """A future of `awaitable`: itself, or a task as `detach` makes it."""
    if isinstance(awaitable, AioFuture):
        return awaitable
    return detach(awaitable if inspect.iscoroutine(awaitable) else _awaiting(awaitable))


async def _awaiting(awaitable: Awaitable[T]) -> T:
    return await awaitable


class _Gathered(AioFuture):
    """The results of several futures."""

    def __init__(self, members: list[AioFuture], return_exceptions: bool) -> None:
        super().__init__()
        self._members = self._waits_for = members
        self._return_exceptions = return_exceptions
        self._missing = len(members)
        self._cancel_requested: BaseException | None = None
        if not members:
            self._settle([], None)
        for member in members:
            member._observe(self._member_done)

    def cancel(self, msg: Any = None) -> bool:
        """Cancel every member; False if all are done."""
        if self._done:
            return False
        cancelled = [member.cancel(msg) for member in self._members]
        if any(cancelled):
            self._cancel_requested = cancelled_error(msg)
        return any(cancelled)

    def forget(self, task: Task) -> bool:
        super().forget(task)
        # A Trio scope ends this wait: the members live in it, or are of no use any more.
        for member in self._members:
            if isinstance(member, AioTask) and not member._done and member._task is not None:
                scope = member._task._scope
                if scope is not None and not scope._cancelled:
                    scope._cancel(CancelReason("explicit", None, "the wait for this task was cancelled"))
        return True

    def _member_done(self, member: AioFuture) -> None:
        self._missing -= 1
        if self._done:
            return
        if not self._return_exceptions and member._exception is not None and self._cancel_requested is None:
            self._settle(None, member._exception)
            return
        if self._missing == 0:
            if self._cancel_requested is not None:
                self._settle(None, self._cancel_requested)
            else:
                outcomes = [each._result if each._exception is None else each._exception for each in self._members]
                self._settle(outcomes, None)


def gather(*awaitables: Awaitable[Any], return_exceptions: bool = False) -> AioFuture:
    """Every result, in the order given; fails with the first failure, or with `return_exceptions` gives them as values.

    Coroutines are started as tasks at once.  The others are not cancelled by a failure; they are when the wait for this
    is cancelled.
    """
    seen: dict[int, AioFuture] = {}
    members = []
    for awaitable in awaitables:
        if id(awaitable) not in seen:
            seen[id(awaitable)] = ensure(awaitable)
        members.append(seen[id(awaitable)])
    return _Gathered(members, return_exceptions)


def shield(awaitable: Awaitable[Any]) -> AioFuture:
    """The result of `awaitable`, which goes on when the wait for it is cancelled by `Task.cancel`."""
    inner = ensure(awaitable)
    outer = AioFuture()
    outer._waits_for = [inner]
    inner._observe(lambda member: outer._settle(member._result, member._exception))
    return outer


def first_done(futures: Iterable[AioFuture]) -> AioFuture:
    """A future that is done as soon as one of `futures` is."""
    made = AioFuture()
    made._waits_for = list(futures)
    for future in made._waits_for:
        future._observe(lambda done: made._settle(done, None))
    return made


async def pause() -> None:
    """`sleep(0)`: let every other ready task run first; a wait that a cancellation of either kind ends."""
    await checkpoint()
    task = current_task()
    if task._pending is not None:
        pending, task._pending = task._pending, None
        raise pending
