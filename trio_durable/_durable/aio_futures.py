"""Futures and tasks under asyncio's names, on the orchestration's own scheduler.

The rules:

1. Cancelling is edge-triggered, as in asyncio: one `cancel()` raises one CancelledError, `uncancel` counts it back.  It
   is raised where the task waits, or at its next wait: what a task was woken with already is not taken from it.
2. A Trio scope around all of this stays level-triggered and wins: its `trio.Cancelled` is never turned into a
   CancelledError, nor the other way.
3. Coroutines that `gather`, `wait_for` and their kin start live in the scope in which they were started, and are
   cancelled when it is left.
4. Tasks hash by number, so that a set of them has one order on every host.
5. The user's done callbacks run soon, each in a task of its own; one that raises fails the orchestration, since there
   is no event loop's handler to tell.
"""

from __future__ import annotations

import asyncio
import inspect
from collections.abc import Callable, Generator, Iterable, Sequence
from contextvars import Context, copy_context
from typing import Any

from trio_durable._core.tasks import Task, Waitable, checkpoint, current_scheduler, current_task, some

__all__ = ["AioFuture", "AioTask", "cancelled_error", "is_callback", "running_task"]


class AioFuture:
    """What asyncio calls a Future: awaited any number of times, settled or cancelled from outside.

    loop: asyncio's; it says nothing here.
    """

    def __init__(self, *, loop: object = None) -> None:
        self._scheduler = scheduler = current_scheduler()
        self._cancelled_type = scheduler.words.Cancelled
        scheduler.serial += 1
        self._serial = scheduler.serial
        self._done = False
        #: what it depends on, if that is known
        self._waits_for: Sequence[AioFuture] = ()
        self._result: Any = None
        self._exception: BaseException | None = None
        #: the kernel's own, called at once
        self._observers: list[Callable[[Any], None]] = []
        #: who hears of it soon, in the order of asking: tasks that wait, and the user's callbacks
        self._waiters: dict[Task | _Callback, None] = {}

    def __repr__(self) -> str:
        return f"<Future {self._state()}>"

    def _state(self) -> str:
        return "cancelled" if self.cancelled() else "finished" if self._done else "pending"

    def __hash__(self) -> int:
        return self._serial

    def __eq__(self, other: object) -> bool:
        return self is other

    def __sandbox_order__(self) -> int:
        """The sandbox's: its place where a set of futures is iterated."""
        return self._serial

    def done(self) -> bool:
        """Whether it has a result, a failure, or was cancelled."""
        return self._done

    def cancelled(self) -> bool:
        """Whether it was cancelled."""
        return self._done and isinstance(self._exception, asyncio.CancelledError)

    def result(self) -> Any:
        """The result; raises the failure, CancelledError, or InvalidStateError if there is none yet."""
        if not self._done:
            raise asyncio.InvalidStateError("Result is not set.")
        if self._exception is not None:
            raise self._exception.with_traceback(self._exception.__traceback__)
        return self._result

    def exception(self) -> BaseException | None:
        """The failure, None if it succeeded; raises CancelledError if it was cancelled."""
        if not self._done:
            raise asyncio.InvalidStateError("Exception is not set.")
        if self.cancelled():
            assert self._exception is not None
            raise self._exception
        return self._exception

    def add_done_callback(self, callback: Callable[[Any], object], *, context: Context | None = None) -> None:
        """Call `callback(self)` soon after it is done, in `context` or a copy of the caller's."""
        made = _Callback(self, callback, context or copy_context())
        if self._done:
            made.wake()
        else:
            self._waiters[made] = None

    def remove_done_callback(self, callback: Callable[[Any], object]) -> int:
        """Forget a callback; returns how many times it was there."""
        found = [each for each in self._waiters if isinstance(each, _Callback) and each.callback == callback]
        for each in found:
            del self._waiters[each]
        return len(found)

    def _observe(self, observer: Callable[[Any], None]) -> None:
        """Have the kernel's own `observer(self)` called when it is done; at once if it is."""
        if self._done:
            observer(self)
        else:
            self._observers.append(observer)

    def _ignore(self, observer: Callable[[Any], None]) -> None:
        """Forget the kernel's own `observer`, if it was not called yet."""
        if observer in self._observers:
            self._observers.remove(observer)

    def set_result(self, result: Any) -> None:
        """It is done, with `result`; raises InvalidStateError if it was done."""
        if self._done:
            raise asyncio.InvalidStateError("invalid state")
        self._settle(result, None)

    def set_exception(self, exception: BaseException | type[BaseException]) -> None:
        """It has failed; raises InvalidStateError if it was done."""
        if self._done:
            raise asyncio.InvalidStateError("invalid state")
        error = exception() if isinstance(exception, type) else exception
        if isinstance(error, StopIteration):
            stop, error = error, RuntimeError("a Future cannot fail with StopIteration: no coroutine can raise it")
            error.__cause__ = stop
        self._settle(None, error)

    def cancel(self, msg: Any = None) -> bool:
        """Cancel it; False if it is done."""
        if self._done:
            return False
        self._settle(None, cancelled_error(msg))
        return True

    def __await__(self) -> Generator[Waitable, Any, Any]:
        if self._done:
            yield from checkpoint()
        else:
            yield self
        return self.result()

    __iter__ = __await__

    def park(self, task: Task) -> None:
        self._waiters[task] = None

    def forget(self, task: Task) -> bool:
        self._waiters.pop(task, None)
        return True

    def describe(self) -> str:
        """What is waited for, in words."""
        if not self._waits_for:
            return "a Future to be settled"
        return f"tasks and futures, of which these are not done: {some([repr(each) for each in self._open()])}"

    def held_up_by(self, task: Task) -> Iterable[Task]:
        """The tasks whose outcome it is, or depends on."""
        return [held for each in self._open() for held in each.held_up_by(task)]

    def _open(self) -> list[AioFuture]:
        return [each for each in self._waits_for if not each._done]

    def _settle(self, result: Any, error: BaseException | None) -> None:
        if self._done:
            return
        self._done = True
        self._result, self._exception = result, error
        observers, self._observers = self._observers, []
        # Before anybody is woken: a group that cancels the task that waits here does so while it still waits.
        for observer in observers:
            observer(self)
        waiters, self._waiters = self._waiters, {}
        for waiter in waiters:
            waiter.wake()


class _Callback:
    """A done callback of the user's: runs in a task of its own, so that what it raises is told."""

    __slots__ = ("_context", "_future", "callback")

    def __init__(self, future: AioFuture, callback: Callable[[Any], object], context: Context) -> None:
        self._future = future
        self.callback = callback
        self._context = context

    def wake(self) -> None:
        self._future._scheduler.spawn(self._run(), "done callback", self._ended, context=self._context.copy())

    async def _run(self) -> None:
        self.callback(self._future)

    def _ended(self, value: Any, error: BaseException | None) -> None:
        if error is not None:
            self._future._scheduler.crash(error)


class AioTask(AioFuture):
    """What asyncio calls a Task."""

    def __init__(self, task: Task | None = None) -> None:
        if inspect.iscoroutine(task):
            task.close()
            raise TypeError(
                "asyncio.Task(coro) starts what nobody waits for: start it in a TaskGroup (asyncio.TaskGroup) or a "
                "nursery (trio.open_nursery), which waits for it"
            )
        super().__init__()
        self._task = task
        self._requests = 0
        if task is not None:
            task.aio = self

    def __repr__(self) -> str:
        return f"<Task {self._state()} name={self.get_name()!r}>"

    def set_result(self, result: Any) -> None:
        """Refused: a task's result is its coroutine's."""
        raise RuntimeError("Task does not support set_result operation")

    def set_exception(self, exception: BaseException | type[BaseException]) -> None:
        """Refused: a task's failure is its coroutine's."""
        raise RuntimeError("Task does not support set_exception operation")

    def get_name(self) -> str:
        """The task's name."""
        return self._task.name if self._task is not None else ""

    def set_name(self, value: object) -> None:
        """Give it another name."""
        if self._task is not None:
            self._task.name = str(value)

    def describe(self) -> str:
        """What is waited for, in words."""
        return f"the task {self.get_name()!r} to end"

    def held_up_by(self, task: Task) -> Iterable[Task]:
        """Itself."""
        return () if self._task is None else (self._task,)

    def get_coro(self) -> Any:
        """The coroutine that it runs."""
        return self._task.coro if self._task is not None else None

    def cancel(self, msg: Any = None) -> bool:
        """Raise one CancelledError in it; False if it is done."""
        if self._done:
            return False
        self._requests += 1
        task = self._task
        assert task is not None
        if task._queued and isinstance(task._error, asyncio.CancelledError):
            return True  # one is on its way, and asyncio tells it once
        waiting_on = task._waiting_on
        if isinstance(waiting_on, AioFuture) and waiting_on.cancel(msg):
            if task._queued:
                task._error = waiting_on._exception
            return True  # or it hears of it when what it waits for has ended
        task.interrupt_once(cancelled_error(msg))
        return True

    def cancelling(self) -> int:
        """How many requests to cancel it were not taken back."""
        return self._requests

    def uncancel(self) -> int:
        """Take one request back; returns how many are left."""
        if self._requests > 0:
            self._requests -= 1
            if self._requests == 0 and self._task is not None:
                self._task._pending = None
        return self._requests


def running_task() -> AioTask:
    """The task that is running, under asyncio's names."""
    task = current_task()
    return task.aio if task.aio is not None else AioTask(task)


def is_callback(task: Task) -> bool:
    """Whether `task` is there for a done callback only."""
    return getattr(task.coro, "cr_code", None) is _Callback._run.__code__


def cancelled_error(msg: Any) -> asyncio.CancelledError:
    """The error that a cancellation with `msg` raises."""
    return asyncio.CancelledError() if msg is None else asyncio.CancelledError(msg)
