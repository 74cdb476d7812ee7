"""What goes on behind a future: a coroutine, the attempts of one call.  (Event waits are in `mailbox.py`.)

Each is paused when nobody is interested in its future any more (rule 3 of futures.py) and resumed when somebody is.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable
from typing import TYPE_CHECKING, Any, TypeVar

from trio_durable._core.actions import Action
from trio_durable._core.events import (
    ChildCompleted,
    ChildFailed,
    Event,
    TaskCompleted,
    TaskFailed,
    TimerOrigin,
    TimerOriginKind,
)
from trio_durable._core.failures import FailureDetails
from trio_durable._core.futures import DurableFuture
from trio_durable._core.retry import RetryPolicy
from trio_durable._core.scope_tree import Scope
from trio_durable._core.scopes import CancelScope
from trio_durable._core.signals import CancelReason
from trio_durable._core.tasks import Task, Waitable
from trio_durable._errors import TaskFailedError

if TYPE_CHECKING:
    from trio_durable._core.asking import Asking

__all__ = ["Attempts", "ShieldedFuture", "SpawnedTask"]

T = TypeVar("T")


class SpawnedTask(Scope):
    """The scope of a coroutine that runs for those who wait for its future.

    It lies in the scope in which it was started, with the shields and deadlines that stand there; but what is cancelled
    around it reaches it only if nobody waits for its future any more: a wait that is not cancelled may be elsewhere.
    Whether somebody does is looked at when those whose waits were cancelled have been told, or have left the scope: who
    tidies up may go on to wait behind a shield.
    """

    __slots__ = ("_future", "_looking", "_task")

    _outlives = True
    _future: DurableFuture[Any]
    _task: Task | None
    #: whether it is about to be looked at
    _looking: bool

    @classmethod
    def of(cls, future: DurableFuture[Any], parent: Scope) -> SpawnedTask:
        """The scope, within `parent`, of the task that gives `future` its outcome."""
        scope = cls.root(parent._scheduler)
        scope._future = future
        scope._task = None
        scope._looking = False
        if parent._cancelled:
            scope._cancel(CancelReason("explicit", None, "the task was started in a cancelled scope"))
        scope._attach(parent)
        future._work = scope
        return scope

    def _sees_parent(self) -> bool:
        if super()._sees_parent():
            self._look()
        return False  # what is around cancels it by `_decide`, for good

    def pause(self) -> None:
        self._look()

    def _look(self) -> None:
        if not self._looking and not self._called:
            self._looking = True
            self._scheduler.put_off(self._decide)

    def _decide(self) -> None:
        looking, self._looking = self._looking, False
        if looking and self._active and not self._future.is_awaited:
            if super()._sees_parent():
                assert self._parent is not None
                self._cancel(self._parent._reason)
            elif self._future.is_idle:
                self._cancel(CancelReason("explicit", None, "the wait for this task was cancelled"))

    def resume(self) -> None:
        pass

    def tasks(self) -> Iterable[Task]:
        return () if self._task is None else (self._task,)


class ShieldedFuture(DurableFuture[T]):
    """The outcome of what has to be done in a cancelled scope, too: the wait for it is not cancelled.

    Generator orchestrators have no shielded scopes, and may nevertheless tidy up when they are cancelled.
    """

    __slots__ = ()

    def __await__(self) -> Generator[Waitable, Any, T]:
        with CancelScope(shield=True):
            yield from super().__await__()
        return self.get_result()


class Attempts:
    """One logical call of an activity or a child orchestration, tried as often as its policy allows."""

    __slots__ = (
        "_ask", "_asking", "_attempt", "_decode", "_first", "_future", "_held", "_name", "_origin", "_paused",
        "_policy", "_what", "known_by",
    )  # fmt: skip

    _ask: Callable[[], Action]

    def __init__(
        self,
        asking: Asking,
        what: str,
        name: str,
        decode: Callable[[str | None], Any],
        policy: RetryPolicy | None,
        origin: TimerOriginKind,
    ) -> None:
        self._asking = asking
        self._what = what
        self._name = name
        self._decode = decode
        self._policy = policy
        self._origin = origin
        self._attempt = 0
        self._first = 0
        self._future = asking.future(what)
        self._paused = False
        #: what is to be done once somebody waits again
        self._held: Callable[[], None] | None = None
        #: what all attempts have in common: an execution id, or the instance id of the first
        self.known_by = ""

    @property
    def number(self) -> int:
        """Which attempt this is, from 1."""
        return self._attempt

    def start(self, ask: Callable[[], Action]) -> DurableFuture[Any]:
        """Make the first attempt; `ask` gives each one's action."""
        self._ask = ask
        self._future.ask(self._try, later=self._asking._is_cancelled(), work=self)
        return self._future

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        held, self._held = self._held, None
        if held is not None:
            held()

    def tasks(self) -> Iterable[Task]:
        return ()

    def _try(self) -> None:
        self._attempt += 1
        if self._attempt == 1:
            self._first = self._asking.now
        action = self._future.action = self._ask()
        self._asking.ask(action, self._deliver)

    def _deliver(self, event: Event) -> None:
        if isinstance(event, TaskCompleted | ChildCompleted):
            self._future.complete_with(self._decode, event.result)
            return
        assert isinstance(event, TaskFailed | ChildFailed)
        # A child that was terminated reports no failure details.
        failure = event.failure or FailureDetails("", f"{self._what} was terminated")
        if self._policy is not None:
            if self._paused:
                # Nobody waits any more, so nothing is tried again unless somebody does.
                self._held = lambda: self._deliver(event)
                return
            wait = self._policy.delay(
                self._attempt, failure, self._first, self._asking.now, key=f"{self._asking.instance_id}|{self.known_by}"
            )
            if wait is not None:
                origin = TimerOrigin(self._origin, self.known_by)
                self._asking.set_timer(self._asking.now + wait, f"{self._name}-retry", origin, self._again)
                return
        tries = f" after {self._attempt} attempts" if self._attempt > 1 else ""
        cause = f"{failure.error_type}: {failure.error_message}" if failure.error_type else failure.error_message
        self._future.fail(TaskFailedError(f"{self._what} failed{tries}: {cause}", failure))

    def _again(self) -> None:
        if self._paused:
            self._held = self._try
        else:
            self._try()
