"""Tasks, and the one doorway through which they give up control.

The rules:

1. A task gives up control in one way only: it yields a `Waitable`, something with `park(task)` and `forget(task)`.
   Anything else that is yielded belongs to a foreign event loop, and the task is told so.
2. Whoever makes a waiting task ready calls `wake` or `fail`; a task that is ready already is left as it is.
3. Cancellation is level-triggered: while a task's scope is cancelled, every wait that can be withdrawn (`forget`
   answers True) is, and the task goes on with a Cancelled.  It is tried once per wait.  (Edge-triggered interruption,
   for asyncio's names, is `interrupt_once`; a cancelled scope wins over it.)
4. `current_task()` is a context variable's answer, not a global's: two schedulers may run in two threads, and a
   scheduler may be run from inside a task of another event loop.
5. A repr shows a number, never an address: it reaches exceptions and payloads, which are the same on every replay.
"""

from __future__ import annotations

import inspect
import types
from collections.abc import Callable, Coroutine, Generator, Iterable, Iterator, Sequence
from contextvars import Context, ContextVar
from typing import TYPE_CHECKING, Any, NoReturn, Protocol

from trio_durable._core.signals import CancelReason

if TYPE_CHECKING:
    from trio_durable._core.nurseries import Nursery
    from trio_durable._core.parking import ParkingLot
    from trio_durable._core.scheduler import Scheduler
    from trio_durable._core.scope_tree import Scope

__all__ = [
    "CANCEL_POINT",
    "SCHEDULE_POINT",
    "Task",
    "Waitable",
    "await_frames",
    "cancel_shielded_checkpoint",
    "checkpoint",
    "checkpoint_if_cancelled",
    "current_scheduler",
    "current_task",
    "running",
    "some",
    "wait_on",
]

#: The scheduler whose task is being stepped, in that task's context.
running: ContextVar[Scheduler | None] = ContextVar("trio_durable.scheduler", default=None)
_get_running = running.get


class Waitable(Protocol):
    """What a task may wait for."""

    def park(self, task: Task) -> None:
        """Keep `task` and make it ready (`task.wake()`) when there is something to go on with."""

    def forget(self, task: Task) -> bool:
        """`task` is to be interrupted: whether its wait is withdrawn.  If not, it is woken in its own time."""

    def describe(self) -> str:
        """What is waited for, as it goes on after "waits for"; for people who ask why nothing happens."""

    def held_up_by(self, task: Task) -> Iterable[Task]:
        """The tasks that have to do something first, where that is known."""


class Task:
    """One coroutine being run by a `Scheduler`."""

    __slots__ = (
        "__weakref__",
        "_breaks",
        "_child_nurseries",
        "_error",
        "_on_exit",
        "_pending",
        "_queued",
        "_scheduler",
        "_scope",
        "_value",
        "_waiting_on",
        "aio",
        "context",
        "coro",
        "custom_sleep_data",
        "eventual_parent_nursery",
        "name",
        "number",
        "parent_nursery",
    )

    #: the innermost scope; None once the task has ended
    _scope: Scope | None

    def __init__(
        self,
        scheduler: Scheduler,
        coro: Coroutine[Any, Any, Any],
        name: str,
        number: int,
        context: Context,
        nursery: Nursery | None,
        on_exit: Callable[[Any, BaseException | None], None] | None,
    ) -> None:
        self._scheduler = scheduler
        self._on_exit = on_exit
        self._waiting_on: Waitable | None = None
        self._value: Any = None
        self._error: BaseException | None = None
        #: whether it is among those that are ready, as it is from the start
        self._queued = True
        #: an edge-triggered interruption that found the task busy: raised at its next wait
        self._pending: BaseException | None = None
        self._child_nurseries: list[Nursery] | None = None
        self._breaks: list[ParkingLot] | None = None
        self.parent_nursery = nursery
        self.eventual_parent_nursery: Nursery | None = None
        self.custom_sleep_data: Any = None
        #: what this task is under asyncio's names, if anything there has asked
        self.aio: Any = None
        self.coro = coro
        self.name = name
        self.number = number
        self.context = context

    def __repr__(self) -> str:
        return f"<Task {self.number} {self.name!r}>"

    def __sandbox_order__(self) -> int:
        """The sandbox's: its place where a set of tasks is iterated."""
        return self.number

    @property
    def child_nurseries(self) -> list[Nursery]:
        """The open nurseries of this task, outer ones first."""
        return list(self._child_nurseries or ())

    def iter_await_frames(self) -> Iterator[tuple[types.FrameType, int]]:
        """Where it stands: each frame from its coroutine inwards to where it waits, with the line."""
        return await_frames(self.coro)

    @property
    def is_waiting(self) -> bool:
        """Whether something has to happen before this task can go on."""
        return self._waiting_on is not None

    def wake(self, value: Any = None) -> None:
        """Make the task ready, with `value` as what its wait gives."""
        if not self._queued:
            self._queued = True
            self._waiting_on = None
            self.custom_sleep_data = None
            self._value = value
            self._scheduler._ready.append(self)

    def fail(self, error: BaseException) -> None:
        """Make the task ready, with `error` raised where it waits."""
        if not self._queued:
            self._queued = True
            self._waiting_on = None
            self.custom_sleep_data = None
            self._error = error
            self._scheduler._ready.append(self)

    def interrupt(self, error: BaseException) -> bool:
        """Withdraw the task's wait and raise `error` there; False if it does not wait or its wait cannot be left."""
        waiting_on = self._waiting_on
        if waiting_on is None or not waiting_on.forget(self):
            return False
        self.fail(error)
        return True

    def interrupt_once(self, error: BaseException) -> None:
        """Raise `error` where the task waits, or else at its next wait; before anything else if it has not begun.

        What it was woken with already is not taken from it, so nothing that was handed to it (a lock, an item) is lost.
        """
        if self._waiting_on is None and inspect.getcoroutinestate(self.coro) == inspect.CORO_CREATED:
            self._error = error
        elif not self.interrupt(error):
            self._pending = error

    # -- cancellation ---------------------------------------------------------------------------------------------

    def enter(self, scope: Scope | None) -> None:
        """Make `scope` the innermost scope of this task."""
        if self._scope is not None:
            self._scope._tasks.pop(self, None)
        self._scope = scope
        if scope is not None:
            scope._tasks[self] = None
            self.deliver()

    def deliver(self) -> None:
        """Raise a Cancelled where the task waits, if its scope is cancelled and the wait can be withdrawn."""
        waiting_on = self._waiting_on
        scope = self._scope
        if waiting_on is None or scope is None or not scope._cancelled:
            return
        if waiting_on.forget(self):
            self.fail(self.cancelled())

    def cancelled(self) -> BaseException:
        """The Cancelled that this task's scope gives it."""
        reason = self._scope._reason if self._scope is not None else None
        return self._scheduler.words.cancelled(reason or CancelReason("unknown", reason="misnesting"))


def await_frames(coro: Any) -> Iterator[tuple[types.FrameType, int]]:
    """Each frame from `coro` inwards to where it waits, with the line."""
    inner = coro
    while inner is not None:
        for prefix in ("cr", "gi"):
            frame = getattr(inner, f"{prefix}_frame", None)
            if frame is not None:
                yield frame, frame.f_lineno
                inner = getattr(inner, f"{prefix}_yieldfrom" if prefix == "gi" else f"{prefix}_await")
                break
        else:
            return  # the wait itself, or what C code waits for


# -- the doorway ------------------------------------------------------------------------------------------------------


@types.coroutine
def wait_on(waitable: Waitable) -> Generator[Waitable, Any, Any]:
    """Give up control until `waitable` wakes this task; gives what it was woken with."""
    return (yield waitable)


class _SchedulePoint:
    """Lets every other ready task run first."""

    __slots__ = ()

    def park(self, task: Task) -> None:
        task.wake()

    def forget(self, task: Task) -> bool:
        return False

    def describe(self) -> str:
        return "its turn"

    def held_up_by(self, task: Task) -> Iterable[Task]:
        return ()


class _CancelPoint:
    """Nothing to wait for but a cancellation."""

    __slots__ = ()

    def park(self, task: Task) -> None:
        pass

    def forget(self, task: Task) -> bool:
        return True

    def describe(self) -> str:
        return "a cancellation"

    def held_up_by(self, task: Task) -> Iterable[Task]:
        return ()


SCHEDULE_POINT = _SchedulePoint()
CANCEL_POINT = _CancelPoint()


@types.coroutine
def cancel_shielded_checkpoint() -> Generator[Waitable, Any, None]:
    """Let every other ready task run first; no cancellation is raised here."""
    yield SCHEDULE_POINT


@types.coroutine
def checkpoint() -> Generator[Waitable, Any, None]:
    """Let every other ready task run first, then raise a Cancelled if the scope is cancelled; asks for no action."""
    yield SCHEDULE_POINT
    scope = current_task()._scope
    if scope is not None and scope._cancelled:
        yield CANCEL_POINT


@types.coroutine
def checkpoint_if_cancelled() -> Generator[Waitable, Any, None]:
    """A checkpoint if the scope is cancelled, otherwise nothing."""
    scope = current_task()._scope
    if scope is not None and scope._cancelled:
        yield SCHEDULE_POINT
        scope = current_task()._scope
        if scope is not None and scope._cancelled:
            yield CANCEL_POINT


def some(names: Sequence[str]) -> str:
    """`names` in one line for people, the first few of them."""
    few = 5
    return ", ".join(names[:few]) + (f" and {len(names) - few} more" if len(names) > few else "")


def current_scheduler() -> Scheduler:
    """The scheduler that is running this code; RuntimeError if none is."""
    scheduler = _get_running()
    if scheduler is None:
        _nowhere()
    return scheduler


def current_task() -> Task:
    """The task that is running this code; RuntimeError if none is."""
    scheduler = _get_running()
    task = scheduler._current if scheduler is not None else None
    if task is None:
        _nowhere()
    return task


def _nowhere() -> NoReturn:
    raise RuntimeError(
        "must be called from async context: no task of an orchestration is running here. "
        "Call it from the orchestrator function or from what it awaits or starts."
    )
