"""The worker half: events in, actions out.

A `Replay` runs one orchestration instance.  `turn(past, new)` walks the events in order and returns what the code asks
for; it never waits, reads no clock, and gives the same answer for the same events on every host.

The rules:

1. **One event, then quiescence, then the next event.**  Ids therefore never depend on how a service batched its events.
2. **Ids count from 1**, in program order, over everything that takes one: activities, child orchestrations, timers, and
   the completion.  Retries and their timers take new ids.
3. **Time** is that of the last OrchestratorStarted, never going back, and at least that of the last timer that fired.
4. **A confirmation must match** the pending action of its id (`ledger.mismatch`), and when a later turn begins every
   action asked for so far must have been confirmed.  Otherwise code and history disagree: NonDeterminismError.
5. **An answer may come early**, before the code asks; it is kept, delivered when the code does ask, and that action is
   not sent.  A second answer to one id is dropped.
6. **While suspended** every event but resume and terminate is held back, in replay too, and no action is sent.
7. **After terminate** nothing is processed; the only action is the completion, with the terminator's words as the
result.
   A completion made before it wins, unless it was a continue-as-new.
8. **The timer of an indefinite event wait is optional**: histories of older recorders lack it, and then every later id
   is one lower; newer ones may hold one that this code does not make.
9. **Deadlines are timers.**  When an event has been worked off and every task waits, the deadlines that stand and are
   not covered by a timer of theirs get one each, in the order in which they were set (`deadlines.py`).
10. **A call in a cancelled scope takes no id** (`futures.py`); a cancelled wait forgets its own, and its late result is
    dropped without a word.
11. **A graceful cancel** is an external event of the well-known name CANCEL_EVENT: it cancels the root scope, so that
    `finally` blocks and shielded clean-up run as the durable code they are.  Code that lets the cancellation through
    ends the instance as CANCELED.
"""

from __future__ import annotations

import json
import sys
import uuid
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any, Protocol

from trio_durable._core import clock
from trio_durable._core.actions import (
    Action,
    CompleteOrchestration,
    CreateChild,
    CreateDetached,
    CreateTimer,
    ScheduleTask,
    VersionNotAvailable,
)
from trio_durable._core.deadlines import DeadlineTimer
from trio_durable._core.events import (
    Event,
    EventRaised,
    EventSent,
    ExecutionCompleted,
    ExecutionResumed,
    ExecutionStalled,
    ExecutionStarted,
    ExecutionSuspended,
    ExecutionTerminated,
    OrchestratorCompleted,
    OrchestratorStarted,
    Router,
    Status,
    TimerCreated,
    TimerFired,
    TimerOrigin,
    TimerOriginKind,
    TraceContext,
)
from trio_durable._core.failures import FailureDetails
from trio_durable._core.futures import DurableFuture
from trio_durable._core.ledger import ANSWERS, CONFIRMS, KIND_OF, Kind, answered_id, describe, is_indefinite, mismatch
from trio_durable._core.retry import RetryPolicy, version_of_attempt
from trio_durable._core.scheduler import Scheduler, Task
from trio_durable._core.signals import PLAIN, CancelReason, Vocabulary
from trio_durable._core.versions import Patches
from trio_durable._core.work import Attempts, SpawnedTask, Wait
from trio_durable._errors import NonDeterminismError

__all__ = ["CANCEL_EVENT", "GUID_NAMESPACE", "OrchestratorMissing", "Outcome", "Replay"]

#: The namespace of the name-based UUIDs that the .NET, Go and Python SDKs of this protocol share.
GUID_NAMESPACE = uuid.UUID("9e952958-5e33-4daf-827f-2fa12937b875")

#: An external event of this name, in any case, asks the orchestration to stop: its root scope is cancelled.  Its data,
#: a JSON string or null, is the reason.
CANCEL_EVENT = "trio_durable.cancel"

_QUIET = (OrchestratorCompleted, ExecutionStalled, ExecutionCompleted, EventSent)


class OrchestratorMissing(Exception):
    """Raised by a starter whose worker lacks the pinned version: the instance stalls until a capable worker appears."""


class Starter(Protocol):
    """Makes the coroutine that runs the user's code; what it raises fails the instance."""

    def __call__(self, started: ExecutionStarted, replay: Replay) -> Coroutine[Any, Any, str | None]: ...


@dataclass(slots=True)
class Outcome:
    """What a turn asks for.  `complete` says that the last action ends the execution."""

    actions: list[Action]
    custom_status: str | None = None
    version: str | None = None
    patches: list[str] = field(default_factory=list)
    complete: bool = False


class _Answer(Protocol):
    """What an answer is delivered to."""

    def __call__(self, event: Event) -> None: ...


class Replay:
    """One instance's code being run against its history.

    start: makes the orchestration's coroutine when ExecutionStarted arrives; the coroutine returns the result payload.
    words: the error classes that its tasks meet.
    """

    def __init__(self, instance_id: str, start: Starter, *, words: Vocabulary = PLAIN) -> None:
        self.instance_id = instance_id
        self.scheduler = Scheduler(words, self._crashed)
        self.started: ExecutionStarted | None = None
        self.is_replaying = True
        #: called when `is_replaying` changes, for those who keep a copy of it
        self.on_replaying: Callable[[bool], None] | None = None
        #: called with each action and the event that confirms it, for those who compare more than has to agree
        self.on_confirmed: Callable[[Action, Event], None] | None = None
        self.is_suspended = False
        self.custom_status: str | None = None
        #: events seen, those held back by a suspension included
        self.events_seen = 0
        #: the version this execution is pinned to: recorded in history, or chosen by `start` in its first turn
        self.version: str | None = None
        self.patches = Patches()
        self._start = start
        self._next_id = 1
        self._serial = 0
        #: asked for, not yet confirmed; id -> action, ids ascending
        self._pending: dict[int, Action] = {}
        #: ids of pending actions whose answer came early: never sent
        self._withheld: dict[int, None] = {}
        self._open: dict[tuple[Kind, int], _Answer] = {}
        self._early: dict[tuple[Kind, int], Event] = {}
        self._answered: dict[tuple[Kind, int], None] = {}
        self._waits: dict[str, dict[Wait, None]] = {}
        #: external events that nobody waited for, in order of arrival
        self._inbox: list[EventRaised] = []
        self._held_back: deque[Event] = deque()
        self._draining = self._owing = False
        self._lines: dict[int, tuple[str, int]] = {}
        #: unconfirmed timers of deadlines
        self._deadline_timers: dict[int, DeadlineTimer] = {}
        self._completion: CompleteOrchestration | VersionNotAvailable | None = None
        self._terminated = False
        self._next_input: tuple[str | None, bool] | None = None
        self._next_version: str | None = None
        self._detached = self._moments = 0
        self._closed = False

    @property
    def now(self) -> int:
        """Nanoseconds on the orchestration's clock."""
        return self.scheduler.now

    def _move_clock(self, moment: int) -> None:
        self.scheduler.now = max(self.scheduler.now, moment)

    # -- turns ----------------------------------------------------------------------------------------------------

    def turn(self, past: Iterable[Event], new: Iterable[Event]) -> Outcome:
        """Go through `past` (silently: `is_replaying`) and then `new`; return what is to be sent.

        For an instance that is kept between turns, `past` holds what history has gained since the last call.  Code that
        disagrees with history, or that raises, ends the instance as FAILED; nothing of the user's escapes from here.
        """
        try:
            self._set_replaying(True)
            for event in past:
                self._feed(event)
            self._set_replaying(False)
            for event in new:
                self._feed(event)
        except NonDeterminismError as error:
            self.fail(error, action_id=-1)
        except RecursionError as error:
            # Scopes or combinations nest deeper than Python's stack: that is the code's doing, on every replay.
            self.fail(error)
        return self._answer()

    def fail(self, error: BaseException, *, action_id: int | None = None) -> Outcome:
        """End the instance as FAILED with `error`, whatever its code did; used for faults that code must not
        survive.
        """
        self._completion = CompleteOrchestration(
            self._take_id() if action_id is None else action_id,
            Status.FAILED,
            failure=FailureDetails.from_exception(error, non_retriable=True),
        )
        self._pending.clear()
        return self._answer()

    def close(self) -> None:
        """Dispose of the instance's tasks; their `finally` blocks run here, and what they ask for goes nowhere.

        What they print and log goes nowhere, too: as far as history is concerned they have not run.
        """
        self._closed = True
        self._set_replaying(True)
        self.scheduler.dispose()

    def _set_replaying(self, replaying: bool) -> None:
        self.is_replaying = replaying
        if self.on_replaying is not None:
            self.on_replaying(replaying)

    def _answer(self) -> Outcome:
        completion = self._completion
        turn = Outcome([], self.custom_status, self.version, list(self.patches.applied), completion is not None)
        if self.is_suspended and not self._terminated and not (completion is not None and completion.id == -1):
            turn.complete = False
            return turn
        alone = self._terminated or isinstance(completion, VersionNotAvailable)
        if not alone and not (isinstance(completion, CompleteOrchestration) and _starts_over(completion)):
            turn.actions = [action for action in self._pending.values() if action.id not in self._withheld]
        if completion is not None:
            turn.actions.append(completion)
            if isinstance(completion, CompleteOrchestration) and _starts_over(completion):
                assert self._next_input is not None
                # A request to stop is for whoever goes on: it is carried over whatever the code says of its events.
                keep = self._next_input[1]
                completion.carryover = [event for event in self._inbox if keep or _asks_to_stop(event)]
        return turn

    # -- events ---------------------------------------------------------------------------------------------------

    def _feed(self, event: Event) -> None:
        self.events_seen += 1
        if self._terminated:
            return
        if self.is_suspended and not isinstance(event, ExecutionResumed | ExecutionTerminated):
            if not isinstance(event, ExecutionSuspended):  # a second suspension changes nothing; one resume ends both
                self._held_back.append(event)
            return
        self._apply(event)

    def _apply(self, event: Event) -> None:
        kind = type(event)
        if kind in CONFIRMS:
            self._on_confirmation(event)
        elif isinstance(event, ExecutionTerminated):
            self._on_terminated(event)
        elif self._completion is not None:
            # The code has ended: only what contradicts that, or overrides it, still counts; and events to carry over.
            if isinstance(event, EventRaised):
                self._inbox.append(event)
            return
        elif kind in ANSWERS:
            self._on_answer(event)
        elif isinstance(event, OrchestratorStarted):
            self._on_turn_started(event)
        elif isinstance(event, EventRaised):
            self._on_event_raised(event)
        elif isinstance(event, ExecutionStarted):
            self._on_execution_started(event)
        elif isinstance(event, ExecutionSuspended):
            self.is_suspended = self._owing = True
        elif isinstance(event, ExecutionResumed):
            self._on_resumed()
        elif not isinstance(event, _QUIET):
            raise NonDeterminismError(
                f"instance {self.instance_id!r} has an event in its history that this version does not know: "
                f"{event!r}. It was written by a newer service: update trio_durable."
            )
        self._run()

    def _run(self) -> None:
        self.scheduler.run()
        while self._completion is None and self.scheduler.deadlines.unarmed:
            self.scheduler.deadlines.arm(self._set_deadline_timer)
            # Only an answer that came before it was asked for leaves something to run here.
            self.scheduler.run()
        if self._next_input is not None and self._completion is None:
            self._complete(None)

    def _on_turn_started(self, event: OrchestratorStarted) -> None:
        if self._draining:
            pass
        elif self._owing:
            # A suspension kept the last turn's actions back; they are confirmed one turn later than usual.
            self._owing = False
        else:
            for action in self._pending.values():
                if action.id not in self._withheld and not is_indefinite(action):
                    raise self._disagreement(expected="nothing more in that turn", got=action)
        self._move_clock(event.timestamp)
        if event.version is not None:
            self.version = event.version
        self.patches.record(event.patches)

    def _on_execution_started(self, event: ExecutionStarted) -> None:
        if self.started is not None:
            return
        self.started = event
        try:
            coro = self._start(event, self)
        except OrchestratorMissing:
            self._completion = VersionNotAvailable(self._take_id())
        except Exception as error:
            self._complete(None, error)
        else:
            self.scheduler.spawn(coro, event.name, self._complete)

    def _on_resumed(self) -> None:
        self.is_suspended = False
        self._draining = True
        while self._held_back and not self.is_suspended:
            self._apply(self._held_back.popleft())
        self._draining = False

    def _on_terminated(self, event: ExecutionTerminated) -> None:
        self._terminated = True
        completion = self._completion
        if completion is not None and not (isinstance(completion, CompleteOrchestration) and _starts_over(completion)):
            return
        self._completion = CompleteOrchestration(self._take_id(), Status.TERMINATED, result=event.input)

    def _on_event_raised(self, event: EventRaised) -> None:
        if _asks_to_stop(event):
            self.scheduler.root._cancel(CancelReason("explicit", None, _reason(event.input)))
            return
        waits = self._waits.get(event.name.casefold())
        if not waits:
            self._inbox.append(event)
            return
        wait = next(iter(waits))
        wait.pause()
        self._settle(wait.future, wait.decode, event.input)

    # -- confirmations and answers --------------------------------------------------------------------------------

    def _on_confirmation(self, event: Event) -> None:
        number = event.event_id
        action = self._pending.get(number)
        while action is not None and mismatch(action, event) and is_indefinite(action) and not is_indefinite(event):
            self._drop_optional_timer(number)
            action = self._pending.get(number)
        if action is None or mismatch(action, event):
            if is_indefinite(event):
                self._make_room(number)
                return
            raise self._disagreement(expected=event, got=action)
        if self.on_confirmed is not None:
            self.on_confirmed(action, event)
        if isinstance(event, TimerCreated):
            # A recorded time wins over the constant in today's code, so that a changed timeout still replays.
            timer = self._deadline_timers.pop(number, None)
            if timer is not None:
                timer.recorded(event.fire_at)
        del self._pending[number]
        self._withheld.pop(number, None)
        self._lines.pop(number, None)

    def _on_answer(self, event: Event) -> None:
        key = (ANSWERS[type(event)], answered_id(event))
        if key in self._answered:
            return
        deliver = self._open.pop(key, None)
        if deliver is None:
            self._early.setdefault(key, event)
            return
        self._answered[key] = None
        deliver(event)

    def _drop_optional_timer(self, number: int) -> None:
        """This history has no timer for the indefinite wait at `number`: every later id moves down by one."""
        del self._pending[number]
        self._open.pop((Kind.TIMER, number), None)
        self._renumber(lambda old: old - 1 if old > number else old)

    def _make_room(self, number: int) -> None:
        """This history has a timer for an indefinite wait that the code does not make: later ids move up by one."""
        self._renumber(lambda old: old + 1 if old >= number else old)

    def _renumber(self, new: Callable[[int], int]) -> None:
        for action in self._pending.values():
            action.id = new(action.id)
        self._pending = {action.id: action for action in self._pending.values()}
        self._withheld = {new(old): None for old in self._withheld}
        self._lines = {new(old): line for old, line in self._lines.items()}
        self._open = {(kind, new(old)): deliver for (kind, old), deliver in self._open.items()}
        self._deadline_timers = {new(old): timer for old, timer in self._deadline_timers.items()}
        if self._completion is not None and self._completion.id >= 0:
            self._completion.id = new(self._completion.id)
        self._next_id = new(self._next_id)
        for key in [key for key in self._open if key in self._early]:
            self._deliver_early(*key)

    def _deliver_early(self, kind: Kind, number: int) -> None:
        event = self._early.pop((kind, number))
        deliver = self._open.pop((kind, number))
        self._answered[(kind, number)] = None
        self._withheld[number] = None
        deliver(event)

    def _disagreement(self, *, expected: Event | str, got: Action | None) -> NonDeterminismError:
        wanted = expected if isinstance(expected, str) else describe(expected)
        line = "nothing" if self._completion is None else "the orchestration ended before this point"
        if isinstance(self._completion, CompleteOrchestration) and self._completion.failure is not None:
            failure = self._completion.failure
            line += f", with {failure.error_type}: {failure.error_message}"
        if got is not None:
            line = describe(got)
            if got.id in self._lines:
                file, number = self._lines[got.id]
                line += f"   (asked for at {file}:{number})"
        name = self.started.name if self.started is not None else "?"
        return NonDeterminismError(
            f"orchestration {name!r}, instance {self.instance_id!r}: the code and the recorded history disagree.\n"
            f"  - expected (history): {wanted}\n"
            f"  + got (code):         {line}\n"
            "The usual causes: the code was changed while this instance was running; a branch depends on a value that "
            "is not the same on every replay (a clock, randomness, the environment, the order of a set); a call was "
            "made from something other than the orchestration's own code. Keep the old order of calls for running "
            "instances (register the changed orchestrator under a new name or version), or take such values from an "
            "activity."
        )

    # -- completion -----------------------------------------------------------------------------------------------

    def _complete(self, result: str | None, error: BaseException | None = None) -> None:
        if self._completion is not None:
            return
        number = self._take_id()
        if error is not None:
            status = Status.CANCELED if self._was_cancelled(error) else Status.FAILED
            if status is Status.CANCELED:
                # Through how many nurseries it went is nobody's business: they all say why the instance was cancelled.
                while isinstance(error, BaseExceptionGroup):
                    error = error.exceptions[0]
            elif self.scheduler.root._called:
                # As every scope does: what it has cancelled is taken out of the group, the failures are what is left.
                error = self.scheduler.root._catch(error) or error
            failure = FailureDetails.from_exception(error)
            self._completion = CompleteOrchestration(number, status, failure=failure)
        elif self._next_input is not None:
            self._completion = CompleteOrchestration(
                number, Status.CONTINUED_AS_NEW, result=self._next_input[0], new_version=self._next_version
            )
        else:
            self._completion = CompleteOrchestration(number, Status.COMPLETED, result=result)

    def _crashed(self, error: BaseException) -> None:
        """Code that runs outside of every task (a callback, an abort function) raised: there is nobody to tell it."""
        if not self._closed:
            self._complete(None, error)

    def _was_cancelled(self, error: BaseException) -> bool:
        """Whether `error` is what is left of a graceful cancel, and of nothing else."""
        if not self.scheduler.root._called:
            return False
        cancelled = self.scheduler.words.Cancelled
        if isinstance(error, BaseExceptionGroup):
            return error.split(cancelled)[1] is None
        return isinstance(error, cancelled)

    def debug_info(self) -> dict[str, Any]:
        """What is asked for and not answered, and what waits, in words."""
        return {
            "next_id": self._next_id,
            "asked_for_in_this_turn": [describe(action) for action in self._pending.values()],
            "not_answered": [f"{kind.value} #{number}" for kind, number in self._open],
            "waits_for_events": sorted(self._waits),
            "unread_events": [event.name for event in self._inbox],
            "patches": list(self.patches.applied),
        }

    def distinct_moment(self) -> datetime:
        """The orchestration's time, each call a microsecond later than the last."""
        self._moments += 1
        return clock.to_datetime(self.now) + timedelta(microseconds=self._moments)

    def continue_as_new(self, payload: str | None, *, save_events: bool, version: str | None = None) -> None:
        """Start over with `payload` as the input once the code returns or waits; `save_events` keeps unread events."""
        self._next_input = (payload, save_events)
        self._next_version = version

    # -- what code asks for ---------------------------------------------------------------------------------------

    def future(self, label: str, kind: type[DurableFuture[Any]] = DurableFuture) -> DurableFuture[Any]:
        """A pending future of this instance."""
        self._serial += 1
        return kind(label, self._serial)

    def spawn(
        self, coro: Coroutine[Any, Any, Any], name: str, kind: type[DurableFuture[Any]] = DurableFuture
    ) -> DurableFuture[Any]:
        """Run `coro` as a task of the orchestration; a future of its outcome.

        It is cancelled when the last wait for that future is, from the start in a cancelled scope, and, while nobody
        waits for it, with the scope in which it was started.
        """
        future = self.future(f"task {name}", kind)
        task = self.scheduler.current
        scope = SpawnedTask.of(future, (task._scope if task is not None else None) or self.scheduler.root)
        cancelled = self.scheduler.words.Cancelled

        def on_exit(value: Any, error: BaseException | None) -> None:
            scope._detach()
            if error is None:
                future.complete(value)
            elif isinstance(error, cancelled):
                # Whoever still wants to know is in another scope, which no Cancelled of this one may cross.
                future.fail(RuntimeError(f"task {name!r} was cancelled, as the wait for it was"))
            else:
                future.fail(error)

        self.scheduler.spawn(coro, name, on_exit, scope)
        return future

    @property
    def current_task(self) -> Task | None:
        return self.scheduler.current

    def call_activity(
        self,
        name: str,
        payload: str | None,
        decode: Callable[[str | None], Any],
        *,
        retry: RetryPolicy | None = None,
        router: Router | None = None,
        scope: int | None = None,
    ) -> DurableFuture[Any]:
        """Schedule an activity.  All attempts carry one task execution id; each has an id of its own."""
        attempts = Attempts(self, f"activity {name!r}", name, decode, retry, TimerOriginKind.ACTIVITY_RETRY)

        def ask() -> Action:
            execution_id = attempts.known_by or self._task_execution_id()
            attempts.known_by = execution_id
            return ScheduleTask(
                0,
                name,
                payload,
                version=version_of_attempt(attempts.number),
                task_execution_id=execution_id,
                history_scope=scope,
                router=router,
            )

        return attempts.start(ask)

    def call_child(
        self,
        name: str,
        payload: str | None,
        decode: Callable[[str | None], Any],
        *,
        instance_id: str = "",
        version: str | None = None,
        retry: RetryPolicy | None = None,
        router: Router | None = None,
        scope: int | None = None,
    ) -> DurableFuture[Any]:
        """Start a child orchestration.  Without an instance id each attempt gets one from the service."""
        attempts = Attempts(self, f"child orchestration {name!r}", name, decode, retry, TimerOriginKind.CHILD_RETRY)

        def ask() -> Action:
            first = attempts.known_by
            attempts.known_by = first or instance_id or f"{self.instance_id}:{self._next_id & 0xFFFF:04x}"
            return CreateChild(
                0,
                name,
                instance_id,
                payload,
                version,
                history_scope=scope,
                retry_parent_instance_id=first or None,
                router=router,
            )

        return attempts.start(ask)

    def start_detached(
        self,
        name: str,
        payload: str | None,
        *,
        instance_id: str = "",
        version: str | None = None,
        scheduled_start: int | None = None,
        tags: dict[str, str] | None = None,
        trace: TraceContext | None = None,
        router: Router | None = None,
    ) -> str:
        """Start an orchestration that nobody waits for; its instance id."""
        self._detached += 1
        if not instance_id:
            execution = self.started.execution_id if self.started is not None else None
            seed = f"{self.instance_id}|{execution or ''}|detached|{self._detached}"
            instance_id = uuid.uuid5(GUID_NAMESPACE, seed).hex
        if not self._closed:
            number = self._take_id()
            self._lines[number] = _user_line()
            self._pending[number] = CreateDetached(
                number,
                name,
                instance_id,
                payload,
                version,
                scheduled_start=scheduled_start,
                tags=tags or {},
                trace_context=trace,
                router=router,
            )
        return instance_id

    def create_timer(self, fire_at: int) -> DurableFuture[None]:
        """A timer that fires at `fire_at`, nanoseconds; one in the past fires at once, one past FOREVER never."""
        future: DurableFuture[None] = self.future("timer")
        origin = TimerOrigin(TimerOriginKind.CREATE_TIMER)
        at = min(fire_at, clock.FOREVER)
        future.ask(lambda: self.set_timer(at, None, origin, lambda: future.complete(None)), later=self._is_cancelled())
        return future

    def wait_for_event(
        self, name: str, decode: Callable[[str | None], Any], *, timeout: int | None = None
    ) -> DurableFuture[Any]:
        """The next external event of this name (in any case), the oldest unread one first.

        timeout: nanoseconds, None waits for ever.  The future fails with TimeoutError when it passes.
        """
        future = self.future(f"external event {name!r}")
        wait = Wait(self, name.casefold(), future, decode)

        def begin() -> None:
            if self._wait_or_take(wait):
                return
            late = TimeoutError(f"no external event {name!r} arrived in time (waited {(timeout or 0) / 1e9:g} s)")
            if timeout is not None and timeout <= 0:
                wait.pause()
                future.fail(late)
                return

            def expire() -> None:
                # When the event came first, the place in the queue may be a newer waiter's by now: it is looked up.
                wait.pause()
                future.fail(late)

            fire_at = clock.FOREVER if timeout is None else min(self.now + timeout, clock.FOREVER)
            self.set_timer(fire_at, name, TimerOrigin(TimerOriginKind.EXTERNAL_EVENT, name), expire)

        future.ask(begin, later=self._is_cancelled(), work=wait)
        return future

    def _wait_or_take(self, wait: Wait) -> bool:
        """Give `wait` the oldest unread event of its name, or a place among those that wait; whether it got one."""
        for position, event in enumerate(self._inbox):
            if event.name.casefold() == wait.key:
                del self._inbox[position]
                self._settle(wait.future, wait.decode, event.input)
                return True
        self._waits.setdefault(wait.key, {})[wait] = None
        return False

    def _is_cancelled(self) -> bool:
        """Whether the code that is asking stands in a cancelled scope."""
        task = self.scheduler.current
        return task is not None and task._scope is not None and task._scope._cancelled

    def set_timer(self, fire_at: int, name: str | None, origin: TimerOrigin, fired: Callable[[], None]) -> None:
        """Ask for a timer and have `fired` called when it goes off."""

        def deliver(event: Event) -> None:
            if isinstance(event, TimerFired):
                self._move_clock(event.fire_at)
            fired()

        self.ask(CreateTimer(0, fire_at, name, origin), deliver)

    def _set_deadline_timer(self, timer: DeadlineTimer) -> None:
        action = CreateTimer(0, timer.fire_at, None, TimerOrigin(TimerOriginKind.CREATE_TIMER))

        def deliver(event: Event) -> None:
            if isinstance(event, TimerFired):
                self._move_clock(event.fire_at)
            timer.fired()

        self.ask(action, deliver, confirmed=timer)

    def ask(self, action: Action, deliver: _Answer, *, confirmed: DeadlineTimer | None = None) -> None:
        """Give `action` its id and have `deliver` called with the event that answers it.

        confirmed: told the recorded time when history confirms the action.
        """
        if self._closed:
            return
        number = self._take_id()
        if confirmed is not None:
            self._deadline_timers[number] = confirmed
        action.id = number
        self._pending[number] = action
        self._lines[number] = _user_line()
        key = (KIND_OF[type(action)], number)
        self._open[key] = deliver
        if key in self._early:
            self._deliver_early(*key)

    def _take_id(self) -> int:
        number = self._next_id
        self._next_id += 1
        return number

    def _task_execution_id(self) -> str:
        execution = self.started.execution_id if self.started is not None else None
        return str(uuid.uuid5(GUID_NAMESPACE, f"{self.instance_id}|{execution or ''}|{self._next_id}"))

    def _settle(self, future: DurableFuture[Any], decode: Callable[[str | None], Any], payload: str | None) -> None:
        try:
            value = decode(payload)
        except Exception as error:
            future.fail(error)
        else:
            future.complete(value)


def _starts_over(completion: CompleteOrchestration) -> bool:
    return completion.status is Status.CONTINUED_AS_NEW


def _asks_to_stop(event: EventRaised) -> bool:
    return event.name.casefold() == CANCEL_EVENT


def _user_line() -> tuple[str, int]:
    """Where the code that is asking stands: the nearest frame outside this package."""
    frame = sys._getframe(2)
    while frame.f_back is not None and frame.f_globals.get("__name__", "").startswith("trio_durable._"):
        frame = frame.f_back
    return frame.f_code.co_filename, frame.f_lineno


def _reason(payload: str | None) -> str | None:
    """What the data of a CANCEL_EVENT gives as the reason: a JSON string's text, anything else as it is."""
    try:
        reason = json.loads(payload) if payload is not None else None
    except ValueError:
        return payload
    return reason if isinstance(reason, str) or reason is None else payload
