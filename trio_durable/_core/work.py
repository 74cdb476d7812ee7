"""What goes on behind a future: an event wait, a coroutine, the attempts of one call.

Each is paused when nobody is interested in its future any more (rule 3 of futures.py) and resumed when somebody is.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
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
from trio_durable._core.scopes import CancelScope
from trio_durable._core.signals import CancelReason
from trio_durable._core.tasks import Waitable
from trio_durable._errors import TaskFailedError

if TYPE_CHECKING:
    from trio_durable._core.replay import Replay

__all__ = ["Attempts", "ShieldedFuture", "SpawnedTask", "Wait"]

T = TypeVar("T")


@dataclass(slots=True, eq=False)
class Wait:
    """Somebody waits for an external event."""

    replay: Replay
    key: str
    future: DurableFuture[Any]
    decode: Callable[[str | None], Any]

    def pause(self) -> None:
        # Nobody is interested: an event of this name is for the next who asks, or for the inbox.
        waits = self.replay._waits.get(self.key)
        if waits is not None:
            waits.pop(self, None)
            if not waits:
                del self.replay._waits[self.key]

    def resume(self) -> None:
        self.replay._wait_or_take(self)


class SpawnedTask(CancelScope):
    """The scope of a coroutine that runs for those who wait for its future.

    It lies in the scope in which it was started, with the shields and deadlines that stand there; but what is cancelled
    around it reaches it only if nobody waits for its future any more: a wait that is not cancelled may be elsewhere.
    """

    __slots__ = ("_future",)

    _outlives = True
    _future: DurableFuture[Any]

    @classmethod
    def of(cls, future: DurableFuture[Any], parent: CancelScope) -> SpawnedTask:
        """The scope, within `parent`, of the task that gives `future` its outcome."""
        scope = cls.root(parent._scheduler)
        scope._future = future
        if parent._cancelled:
            scope._cancel(CancelReason("explicit", None, "the task was started in a cancelled scope"))
        scope._join(parent)
        future._work = scope
        return scope

    def _sees_parent(self) -> bool:
        return super()._sees_parent() and (self._cancelled or not self._future.is_awaited)

    def pause(self) -> None:
        self._cancel(CancelReason("explicit", None, "the wait for this task was cancelled"))

    def resume(self) -> None:
        pass


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
        "_ask", "_attempt", "_decode", "_first", "_future", "_held", "_name", "_origin", "_paused", "_policy",
        "_replay", "_what", "known_by",
    )  # fmt: skip

    _ask: Callable[[], Action]

    def __init__(
        self,
        replay: Replay,
        what: str,
        name: str,
        decode: Callable[[str | None], Any],
        policy: RetryPolicy | None,
        origin: TimerOriginKind,
    ) -> None:
        self._replay = replay
        self._what = what
        self._name = name
        self._decode = decode
        self._policy = policy
        self._origin = origin
        self._attempt = 0
        self._first = 0
        self._future = replay.future(what)
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
        self._future.ask(self._try, later=self._replay._is_cancelled(), work=self)
        return self._future

    def pause(self) -> None:
        self._paused = True

    def resume(self) -> None:
        self._paused = False
        held, self._held = self._held, None
        if held is not None:
            held()

    def _try(self) -> None:
        self._attempt += 1
        if self._attempt == 1:
            self._first = self._replay.now
        self._replay.ask(self._ask(), self._deliver)

    def _deliver(self, event: Event) -> None:
        if isinstance(event, TaskCompleted | ChildCompleted):
            self._replay._settle(self._future, self._decode, event.result)
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
                self._attempt, failure, self._first, self._replay.now, key=f"{self._replay.instance_id}|{self.known_by}"
            )
            if wait is not None:
                origin = TimerOrigin(self._origin, self.known_by)
                self._replay.set_timer(self._replay.now + wait, f"{self._name}-retry", origin, self._again)
                return
        tries = f" after {self._attempt} attempts" if self._attempt > 1 else ""
        cause = f"{failure.error_type}: {failure.error_message}" if failure.error_type else failure.error_message
        self._future.fail(TaskFailedError(f"{self._what} failed{tries}: {cause}", failure))

    def _again(self) -> None:
        if self._paused:
            self._held = self._try
        else:
            self._try()
