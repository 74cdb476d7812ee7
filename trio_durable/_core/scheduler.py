"""Deterministic tasks: first in, first out, nothing else.

The rules, which every action id depends on:

1. Tasks run in the order in which they became ready; a task made ready twice runs once.
2. `run` returns when no task is ready.  Nobody but an event makes a waiting task ready, so between two events the
   scheduler does nothing.
3. Tasks run in batches, as in Trio: what becomes ready during a batch belongs to the next.  Deadlines that were past
   when they were set expire between batches, and what was put off is done after the next.
4. Nothing is ordered by address or by hash: queues are deques, collections are insertion-ordered dicts.
5. Disposing ends every task here, under this scheduler, so that garbage collection never runs a `finally` block of one
   instance inside another.  Async generators are kept until then for the same reason: when one is collected is not
   the same on every replay.

How a task gives up control is in `tasks.py`.
"""

from __future__ import annotations

import sys
from collections import deque
from collections.abc import AsyncGenerator, Callable, Coroutine
from contextlib import suppress
from contextvars import Context, copy_context
from typing import Any

from trio_durable._core.coroutines import coroutine_of, foreign, name_of
from trio_durable._core.deadlines import Deadlines
from trio_durable._core.nurseries import Nursery
from trio_durable._core.scope_tree import Scope
from trio_durable._core.signals import PLAIN, CancelReason, Vocabulary
from trio_durable._core.tasks import Task, Waitable, await_frames, checkpoint, running

__all__ = ["Scheduler", "Task", "Waitable", "checkpoint"]

#: How often a task may await again at one and the same place while it is being disposed of, before it is given up (a
#: `while True: await` in a `finally` block would otherwise hold the worker for ever).
DISPOSE_LIMIT = 100

_SECOND = 1_000_000_000


def _raise(error: BaseException) -> None:
    raise error


class Evicted(BaseException):
    """Raised where a task waits when its instance leaves memory; the instance itself goes on, in another replay.

    It is not GeneratorExit, which Python does not throw into what a coroutine awaits: it closes that, and what awaits
    again in a `finally` block would be left for the garbage collector to end.
    """


class Scheduler:
    """Runs tasks to quiescence.

    words: the error classes that tasks meet.
    crash: called with what the user's code raised where no task could be told: in a callback, in an abort function.
    now: nanoseconds on the orchestration's clock; moved by whoever feeds the events.
    """

    __slots__ = (
        "_count", "_current", "_generators", "_live", "_many_generators", "_put_off", "_ready", "crash", "deadlines",
        "now", "root", "root_task", "serial", "variables", "words",
    )  # fmt: skip

    def __init__(self, words: Vocabulary = PLAIN, crash: Callable[[BaseException], None] = _raise) -> None:
        self.words = words
        self.crash = crash
        self.now = 0
        self.deadlines = Deadlines()
        self.root = Scope.root(self)
        self.root_task: Task | None = None
        #: counts whatever needs a number to hash by
        self.serial = 0
        #: values of `RunVar`s
        self.variables: dict[Any, Any] = {}
        self._ready: deque[Task] = deque()
        self._put_off: list[Callable[[], None]] = []
        self._live: dict[Task, None] = {}
        self._generators: list[AsyncGenerator[Any, Any]] = []
        self._many_generators = 64
        self._current: Task | None = None
        self._count = 0

    @property
    def current(self) -> Task | None:
        """The task being run, or None between tasks."""
        return self._current

    @property
    def live(self) -> int:
        """How many tasks have not ended."""
        return len(self._live)

    def tasks(self) -> list[Task]:
        """Those that have not ended, in the order in which they were started."""
        return list(self._live)

    def time(self) -> float:
        """The orchestration's clock, in seconds."""
        return self.now / _SECOND

    # -- starting -------------------------------------------------------------------------------------------------

    def spawn(
        self,
        coro: Coroutine[Any, Any, Any],
        name: str,
        on_exit: Callable[[Any, BaseException | None], None],
        scope: Scope | None = None,
        context: Context | None = None,
    ) -> Task:
        """Start a task in `scope`, the root scope if none is given; it runs after those that are ready now.

        `on_exit(value, error)` is called when it ends.  A task runs in `context`, or in a copy of its spawner's.
        Whoever runs a replay does it in an empty context, so that no variable of the host leaks into an orchestration.
        """
        task = self._start(coro, name, None, on_exit, scope or self.root, context)
        if self.root_task is None:
            self.root_task = task
        return task

    def spawn_child(self, nursery: Nursery, async_fn: Callable[..., Any], args: tuple[Any, ...], name: object) -> Task:
        """Start `async_fn(*args)` as a child of `nursery`."""
        if nursery._closed:
            raise RuntimeError("Nursery is closed to new arrivals")
        coro = coroutine_of(async_fn, args)
        task = self._start(coro, name_of(async_fn, name), nursery, None, nursery.cancel_scope)
        nursery._children[task] = None
        return task

    def _start(
        self,
        coro: Coroutine[Any, Any, Any],
        name: str,
        nursery: Nursery | None,
        on_exit: Callable[[Any, BaseException | None], None] | None,
        scope: Scope,
        context: Context | None = None,
    ) -> Task:
        self._count += 1
        if context is None:
            context = copy_context()
        if context.get(running) is not self:
            context.run(running.set, self)
        task = Task(self, coro, name, self._count, context, nursery, on_exit)
        task._scope = scope
        scope._tasks[task] = None
        self._live[task] = None
        self._ready.append(task)
        return task

    # -- running --------------------------------------------------------------------------------------------------

    def run(self) -> None:
        """Run every ready task until none is ready and nothing is put off.

        KeyboardInterrupt is the host's and passes through; whatever else a task raises is given to its `on_exit`, or
        to its nursery.
        """
        ready = self._ready
        deadlines = self.deadlines
        if not ready and not deadlines._due and not self._put_off:
            return
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(self._keep_generator, None)
        try:
            while True:
                if deadlines._due:
                    deadlines.expire_due()
                put_off = self._put_off
                if put_off:
                    self._put_off = []
                elif not ready:
                    return
                for _ in range(len(ready)):
                    self._step(ready.popleft())
                for call in put_off:
                    call()
        finally:
            self._current = None
            sys.set_asyncgen_hooks(*hooks)

    def put_off(self, call: Callable[[], None]) -> None:
        """Call `call` when the tasks that are ready now have run."""
        self._put_off.append(call)

    def _step(self, task: Task) -> None:
        self._current = task
        task._queued = False
        failure: BaseException | None
        try:
            if task._error is None:
                trap = task.context.run(task.coro.send, task._value)
            else:
                failure, task._error = task._error, None
                trap = task.context.run(task.coro.throw, failure)
        except StopIteration as stop:
            value, failure = stop.value, None
        except KeyboardInterrupt:
            raise
        except BaseException as error:
            # The first frame is this one, which tells the user nothing.
            tb = error.__traceback__
            value, failure = None, error.with_traceback(tb.tb_next if tb else None)
            del tb
        else:
            task._value = None
            try:
                park = trap.park
            except AttributeError:
                task.fail(foreign(trap))
            else:
                task._waiting_on = trap
                park(task)
                if task._scope._cancelled:  # type: ignore[union-attr]
                    task.deliver()
                if task._pending is not None and task._waiting_on is not None:
                    pending, task._pending = task._pending, None
                    task.interrupt_once(pending)
            return
        try:
            # Outside of the handlers above: what happens now must not get the task's error as its __context__.
            self._exit(task, value, failure)
        finally:
            failure = None

    def _exit(self, task: Task, value: Any, error: BaseException | None) -> None:
        nurseries = task._child_nurseries
        if nurseries:
            why = "Parent Task exited prematurely, abandoning this nursery without exiting it properly."
            for nursery in nurseries:
                nursery.cancel_scope._cancel(CancelReason("nursery", repr(task), why))
                nursery._closed = True
        if task._breaks:
            for lot in task._breaks:
                lot.break_lot(task)
        scope = task._scope
        if nurseries or (scope is not None and scope._abandoned and scope._parent is None):
            what = "Nursery" if nurseries else "Cancel scope"
            corrupted = RuntimeError(
                f"{what} stack corrupted: {what} surrounding {task!r} was closed before the task exited"
            )
            corrupted.__context__ = error
            value, error = None, corrupted
        if scope is not None:
            scope._tasks.pop(task, None)
            task._scope = None
        del self._live[task]
        if task.parent_nursery is not None:
            task.parent_nursery._child_finished(task, error)
        elif task._on_exit is not None:
            task._on_exit(value, error)

    # -- ending ---------------------------------------------------------------------------------------------------

    def dispose(self) -> None:
        """End every task, youngest first, by raising Evicted where it waits; what it raises then is dropped.

        A `finally` block may await again: the task is thrown into until it ends, at one place at most DISPOSE_LIMIT
        times.
        """
        hooks = sys.get_asyncgen_hooks()
        sys.set_asyncgen_hooks(self._keep_generator, None)
        try:
            while self._live:
                task = next(reversed(self._live))
                del self._live[task]
                self._current = task
                waiting_on, task._waiting_on = task._waiting_on, None
                if waiting_on is not None:
                    with suppress(Exception):  # an abort function of the user's
                        waiting_on.forget(task)
                self._exhaust(task.context, task.coro)
            # They end as the work of the last task, or of the root task where none was left.
            self._current = self._current or self.root_task
            while self._generators and self._current is not None:
                closing = self._generators.pop().aclose()
                self._exhaust(self._current.context, closing, closing.send, None)
        finally:
            self._current = None
            sys.set_asyncgen_hooks(*hooks)
            self._ready.clear()
            self._put_off.clear()

    def _exhaust(self, context: Context, coro: Any, *first: Any) -> None:
        try:
            if first:
                context.run(*first)
            places: dict[object, int] = {}
            while places.setdefault(place := _place(coro), 0) < DISPOSE_LIMIT:
                places[place] += 1
                context.run(coro.throw, Evicted())
        except KeyboardInterrupt:
            raise
        except BaseException:
            # Evicted, StopIteration or the user's own: the instance is gone, nobody is left to tell.
            pass

    def _keep_generator(self, generator: AsyncGenerator[Any, Any]) -> None:
        if len(self._generators) >= self._many_generators:
            self._generators = [each for each in self._generators if each.ag_frame is not None]  # type: ignore[attr-defined]
            self._many_generators = 2 * len(self._generators) + 64
        self._generators.append(generator)


def _place(coro: Any) -> object:
    """Where `coro` stands, as something that is the same when a loop comes round, and another in each recursion."""
    return tuple((id(frame.f_code), frame.f_lasti) for frame, _ in await_frames(coro))
