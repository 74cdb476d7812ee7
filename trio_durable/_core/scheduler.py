"""Deterministic tasks: first in, first out, nothing else.

The rules, which every action id depends on:

1. Tasks run in the order in which they became ready; a task made ready twice runs once.
2. `run` returns when no task is ready.  Nobody but an event makes a waiting task ready, so between two events the
   scheduler does nothing.
3. A task gives up control in one way only: it yields something with `park(task)` and `forget(task)` (a `Waitable`).
   Anything else that is yielded belongs to a foreign event loop, and the task is told so.
4. Nothing is ordered by address or by hash: queues are deques, collections are insertion-ordered dicts.
5. Disposing ends every task here, under this scheduler, so that garbage collection never runs a `finally` block of one
   instance inside another.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Generator
from contextvars import Context, copy_context
from typing import Any, Protocol

__all__ = ["CHECKPOINT", "Scheduler", "Task", "Waitable", "checkpoint"]

#: How often a task may await again while it is being disposed of before it is given up (a `while True: await` in a
#: `finally` block would otherwise hold the worker for ever).
DISPOSE_LIMIT = 100


class Waitable(Protocol):
    """What a task may wait for."""

    def park(self, task: Task) -> None:
        """Keep `task` and make it ready (`task.wake()`) when there is something to go on with."""

    def forget(self, task: Task) -> None:
        """`task` no longer waits."""


class _Checkpoint:
    """Lets every other ready task run first."""

    __slots__ = ()

    def park(self, task: Task) -> None:
        task.wake()

    def forget(self, task: Task) -> None:
        pass


CHECKPOINT = _Checkpoint()


class Task:
    """One coroutine being run by a `Scheduler`."""

    __slots__ = ("_coro", "_error", "_on_exit", "_queued", "_scheduler", "_waiting_on", "context", "name", "number")

    def __init__(
        self,
        scheduler: Scheduler,
        coro: Coroutine[Any, Any, Any],
        name: str,
        number: int,
        context: Context,
        on_exit: Callable[[Any, BaseException | None], None],
    ) -> None:
        self._scheduler = scheduler
        self._coro = coro
        self._on_exit = on_exit
        self._waiting_on: Waitable | None = None
        self._error: BaseException | None = None
        self._queued = False
        self.name = name
        self.number = number
        self.context = context

    def __repr__(self) -> str:
        # No address: a repr may reach a payload or a log, and those must be the same on every replay.
        return f"<Task {self.number} {self.name!r}>"

    def wake(self) -> None:
        """Make the task ready; waking a task that is ready already changes nothing."""
        if not self._queued:
            self._queued = True
            self._waiting_on = None
            self._scheduler._ready.append(self)

    def interrupt(self, error: BaseException) -> None:
        """Make a waiting task ready with `error` raised where it waits, and have its wait forgotten."""
        if self._waiting_on is not None:
            self._waiting_on.forget(self)
        self._error = error
        self.wake()


class Scheduler:
    """Runs tasks to quiescence."""

    __slots__ = ("_count", "_current", "_live", "_ready")

    def __init__(self) -> None:
        self._ready: deque[Task] = deque()
        self._live: dict[Task, None] = {}
        self._current: Task | None = None
        self._count = 0

    @property
    def current(self) -> Task | None:
        """The task being run, or None between tasks."""
        return self._current

    def spawn(
        self,
        coro: Coroutine[Any, Any, Any],
        name: str,
        on_exit: Callable[[Any, BaseException | None], None],
    ) -> Task:
        """Start a task; it runs after those that are ready now.  `on_exit(value, error)` is called when it ends.

        A task gets a copy of its spawner's context variables.  Whoever runs a replay does it in an empty context, so
        that no variable of the host leaks into an orchestration.
        """
        self._count += 1
        task = Task(self, coro, name, self._count, copy_context(), on_exit)
        self._live[task] = None
        task.wake()
        return task

    def run(self) -> None:
        """Run every ready task until none is ready.

        KeyboardInterrupt is the host's and passes through; whatever else a task raises is given to its `on_exit`.
        """
        ready = self._ready
        while ready:
            task = ready.popleft()
            task._queued = False
            self._current = task
            error, task._error = task._error, None
            try:
                if error is None:
                    trap = task.context.run(task._coro.send, None)
                else:
                    trap = task.context.run(task._coro.throw, error)
            except StopIteration as stop:
                self._exit(task, stop.value, None)
            except KeyboardInterrupt:
                raise
            except BaseException as failure:
                # The first frame is this one, which tells the user nothing.
                tb = failure.__traceback__
                self._exit(task, None, failure.with_traceback(tb.tb_next if tb else None))
            else:
                park = getattr(trap, "park", None)
                if park is None:
                    task.interrupt(_foreign(trap))
                else:
                    task._waiting_on = trap
                    park(task)
            finally:
                self._current = None
                del error

    def _exit(self, task: Task, value: Any, error: BaseException | None) -> None:
        del self._live[task]
        task._on_exit(value, error)

    def dispose(self) -> None:
        """End every task, youngest first, by raising GeneratorExit where it waits; what it raises then is dropped.

        A `finally` block may await again: the task is thrown into until it ends, at most DISPOSE_LIMIT times.
        """
        self._ready.clear()
        for task in reversed(list(self._live)):
            if task._waiting_on is not None:
                task._waiting_on.forget(task)
            self._current = task
            try:
                for _ in range(DISPOSE_LIMIT):
                    task.context.run(task._coro.throw, GeneratorExit())
            except KeyboardInterrupt:
                raise
            except BaseException:
                # GeneratorExit, StopIteration or the user's own: the instance is gone, nobody is left to tell.
                pass
            finally:
                self._current = None
        self._live.clear()
        self._ready.clear()


class _CheckpointAwaitable:
    __slots__ = ()

    def __await__(self) -> Generator[Waitable, None, None]:
        yield CHECKPOINT


_CHECKPOINT_AWAITABLE = _CheckpointAwaitable()


def checkpoint() -> _CheckpointAwaitable:
    """Await this to let every other ready task of the orchestration run first; it schedules no action."""
    return _CHECKPOINT_AWAITABLE


def _foreign(trap: object) -> TypeError:
    return TypeError(
        f"the orchestration awaited something that is not durable: it gave a {type(trap).__name__} to the scheduler. "
        "An orchestration may await what its context returns (ctx.call_activity, ctx.create_timer, ...) and its own "
        "coroutines; I/O and other event loops belong in an activity."
    )
