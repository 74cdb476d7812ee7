"""asyncio's TaskGroup, on the orchestration's own scheduler."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Iterable
from contextvars import Context
from typing import Any

from trio_durable._core.scopes import CancelScope
from trio_durable._core.tasks import Task, current_scheduler, wait_on
from trio_durable._durable.aio_futures import AioTask, running_task
from trio_durable._durable.aio_tasks import start

__all__ = ["TaskGroup"]


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
