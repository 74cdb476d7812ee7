"""The worker half: events in, actions out.

A `Replay` runs one orchestration instance.  `turn(past, new)` walks the events in order and returns what the code asks
for; it never waits, reads no clock, and gives the same answer for the same events on every host.  Where an event goes:

    TaskScheduled, TimerCreated ...      -> outstanding.confirm: history holds what was asked for
    TaskCompleted, TimerFired ...        -> outstanding.answer -> a future of `asking.py`, or a deadline
    EventRaised                          -> mailbox.deliver -> whoever waits; a CANCEL_EVENT: the root scope
    ExecutionStarted                     -> a task with the user's code
    OrchestratorStarted, suspend, resume -> the clock and the flags below

and then `scheduler.run` runs every task that became ready, and `deadlines.arm` asks for timers.

The rules:

1. **One event, then quiescence, then the next event.**  Ids therefore never depend on how a service batched its events.
2. **Time** is that of the last OrchestratorStarted, never going back, and at least that of the last timer that fired.
3. **When a turn begins** every action asked for in earlier ones must have been confirmed.  Otherwise code and history
   disagree: NonDeterminismError.  The rules of ids, confirmations and answers are in `outstanding.py`.
4. **While suspended** every event but resume and terminate is held back, in replay too, and no action is sent.
5. **After terminate** nothing is processed; the only action is the completion, with the terminator's words as the
   result.  A completion made before it wins, unless it was a continue-as-new.
6. **Deadlines are timers.**  When an event has been worked off and every task waits, the deadlines that stand and are
   not covered by a timer of theirs get one each, in the order in which they were set (`deadlines.py`).
7. **A graceful cancel** is an external event of the well-known name CANCEL_EVENT: it cancels the root scope, so that
   `finally` blocks and shielded clean-up run as the durable code they are.  Code that lets the cancellation through
   ends the instance as CANCELED.  One that came before the first turn finds the code before it begins, so that nothing
   is asked for that nobody wants any more.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Coroutine, Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from trio_durable._core.actions import Action, CompleteOrchestration, VersionNotAvailable
from trio_durable._core.asking import Asking
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
    Status,
)
from trio_durable._core.failures import FailureDetails
from trio_durable._core.ledger import ANSWERS, CONFIRMS
from trio_durable._core.mailbox import asks_to_stop, reason_to_stop
from trio_durable._core.scheduler import Scheduler
from trio_durable._core.signals import PLAIN, CancelReason, Vocabulary
from trio_durable._core.waits import circle, only_sleeps, who_waits
from trio_durable._errors import NonDeterminismError

__all__ = ["OrchestratorMissing", "Outcome", "Replay"]

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


class Replay(Asking):
    """One instance's code being run against its history.

    start: makes the orchestration's coroutine when ExecutionStarted arrives; the coroutine returns the result payload.
    words: the error classes that its tasks meet.
    """

    def __init__(self, instance_id: str, start: Starter, *, words: Vocabulary = PLAIN) -> None:
        super().__init__(instance_id, Scheduler(words, self._crashed))
        self.is_replaying = True
        #: called when `is_replaying` changes, for those who keep a copy of it
        self.on_replaying: Callable[[bool], None] | None = None
        #: called with each action and the event that confirms it, for those who compare more than has to agree
        self.on_confirmed: Callable[[Action, Event], None] | None = None
        self.is_suspended = False
        #: events seen, those held back by a suspension included
        self.events_seen = 0
        #: the version this execution is pinned to: recorded in history, or chosen by `start` in its first turn
        self.version: str | None = None
        self._start = start
        self._held_back: deque[Event] = deque()
        self._draining = self._owing = self._terminated = False

    # -- turns ----------------------------------------------------------------------------------------------------

    def turn(self, past: Iterable[Event], new: Iterable[Event]) -> Outcome:
        """Go through `past` (silently: `is_replaying`) and then `new`; return what is to be sent.

        For an instance that is kept between turns, `past` holds what history has gained since the last call.  Code that
        disagrees with history, or that raises, ends the instance as FAILED; nothing of the user's escapes from here.
        """
        try:
            self._set_replaying(True)
            self._feed_all(past)
            self._set_replaying(False)
            self._feed_all(new)
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
        self._outstanding.completion = CompleteOrchestration(
            self._outstanding.take_id() if action_id is None else action_id,
            Status.FAILED,
            failure=FailureDetails.from_exception(error, non_retriable=True),
        )
        self._outstanding.withdraw()
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
        completion = self._outstanding.completion
        turn = Outcome([], self.custom_status, self.version, list(self.patches.applied), completion is not None)
        if self.is_suspended and not self._terminated and not (completion is not None and completion.id == -1):
            turn.complete = False
            return turn
        starts_over = _starts_over(completion)
        if not (self._terminated or starts_over or isinstance(completion, VersionNotAvailable)):
            turn.actions = self._outstanding.to_send()
        if completion is not None:
            turn.actions.append(completion)
        if starts_over and isinstance(completion, CompleteOrchestration):
            assert self._start_over is not None
            # A request to stop is for whoever goes on: it is carried over whatever the code says of its events.
            keep = self._start_over.save_events
            completion.carryover = [event for event in self._mailbox.unread if keep or asks_to_stop(event)]
        return turn

    # -- events ---------------------------------------------------------------------------------------------------

    def _feed_all(self, events: Iterable[Event]) -> None:
        coming = iter(events)
        for event in coming:
            if self.started is None and isinstance(event, ExecutionStarted):
                together = [event, *self._raised_before_the_start(coming)]
            else:
                together = [event]
            for each in together:
                self._feed(each)

    def _raised_before_the_start(self, coming: Iterator[Event]) -> Iterator[Event]:
        """The events that came with the start; what asks to stop is heeded before the code begins (rule 7)."""
        for event in coming:
            yield event
            if not isinstance(event, EventRaised):
                return
            if asks_to_stop(event):
                self._cancel(event)

    def _feed(self, event: Event) -> None:
        self.events_seen += 1
        if self._terminated:
            return
        if self.is_suspended and not isinstance(event, ExecutionResumed | ExecutionTerminated):
            if not isinstance(event, ExecutionSuspended):  # a second suspension changes nothing; one resume ends both
                self._held_back.append(event)
                if isinstance(event, OrchestratorStarted):
                    # What the code asks once it is resumed was recorded with that turn, whose start lies behind here.
                    self.patches.record(event.patches)
            return
        self._apply(event)

    def _apply(self, event: Event) -> None:
        kind = type(event)
        if kind in CONFIRMS:
            self._on_confirmation(event)
        elif isinstance(event, ExecutionTerminated):
            self._on_terminated(event)
        elif self._outstanding.completion is not None:
            # The code has ended: only what contradicts that, or overrides it, still counts; and events to carry over.
            if isinstance(event, EventRaised):
                self._mailbox.unread.append(event)
            return
        elif kind in ANSWERS:
            self._outstanding.answer(event)
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
        while self._outstanding.completion is None and self.scheduler.deadlines.unarmed:
            self.scheduler.deadlines.arm(self._set_deadline_timer)
            # Only an answer that came before it was asked for leaves something to run here.
            self.scheduler.run()
        if self._start_over is not None and self._outstanding.completion is None:
            self._complete(None)

    def _on_confirmation(self, event: Event) -> None:
        action = self._outstanding.confirm(event)
        if action is not None and self.on_confirmed is not None:
            self.on_confirmed(action, event)

    def _on_turn_started(self, event: OrchestratorStarted) -> None:
        if self._draining:
            pass
        elif self._owing:
            # A suspension kept the last turn's actions back; they are confirmed one turn later than usual.
            self._owing = False
        else:
            self._outstanding.check_confirmed()
        self._move_clock(event.timestamp)
        if event.version is not None:
            self.version = event.version
        self.patches.record(event.patches)

    def _on_execution_started(self, event: ExecutionStarted) -> None:
        if self.started is not None:
            return
        self.started = event
        self._outstanding.whose = f"orchestration {event.name!r}, instance {self.instance_id!r}"
        try:
            coro = self._start(event, self)
        except OrchestratorMissing:
            self._outstanding.completion = VersionNotAvailable(self._outstanding.take_id())
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
        book = self._outstanding
        if book.completion is None or _starts_over(book.completion):
            book.completion = CompleteOrchestration(book.take_id(), Status.TERMINATED, result=event.input)

    def _on_event_raised(self, event: EventRaised) -> None:
        if asks_to_stop(event):
            self._cancel(event)
        else:
            self._mailbox.deliver(event)

    def _cancel(self, event: EventRaised) -> None:
        self.scheduler.root._cancel(CancelReason("explicit", None, reason_to_stop(event)))

    # -- completion -----------------------------------------------------------------------------------------------

    def _complete(self, result: str | None, error: BaseException | None = None) -> None:
        book = self._outstanding
        if book.completion is not None:
            return
        number = book.take_id()
        over = self._start_over
        if error is not None:
            status = Status.CANCELED if self._was_cancelled(error) else Status.FAILED
            if status is Status.CANCELED:
                # Through how many nurseries it went is nobody's business: they all say why the instance was cancelled.
                while isinstance(error, BaseExceptionGroup):
                    error = error.exceptions[0]
            elif self.scheduler.root._called:
                # As every scope does: what it has cancelled is taken out of the group, the failures are what is left.
                error = self.scheduler.root._catch(error) or error
            book.completion = CompleteOrchestration(number, status, failure=FailureDetails.from_exception(error))
        elif over is not None:
            book.completion = CompleteOrchestration(
                number, Status.CONTINUED_AS_NEW, result=over.input, new_version=over.version
            )
        else:
            book.completion = CompleteOrchestration(number, Status.COMPLETED, result=result)

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

    # -- for people ---------------------------------------------------------------------------------------------------

    @property
    def is_stuck(self) -> bool:
        """Whether no answer and no event can make a task go on: cancelling or terminating is all that is left."""
        return (
            self._outstanding.completion is None
            and self.scheduler.live > 0
            and not (self.is_suspended or self._outstanding.awaits_answers or self._mailbox.awaited())
        )

    @property
    def only_sleeps(self) -> bool:
        """Whether a task waits for nothing but its cancellation, so that whoever cancels it is waited for."""
        return only_sleeps(self.scheduler)

    def who_waits(self) -> str:
        """Who waits for what, where in the code, and who holds whom up; a line each."""
        lines = list(who_waits(self.scheduler))
        each_other = circle(self.scheduler)
        if each_other is not None:
            lines.append(f"in a circle: {each_other}")
        return "\n".join(lines)

    def debug_info(self) -> dict[str, Any]:
        """What is asked for and not answered, and what waits, in words."""
        return {
            "next_id": self._outstanding.next_id,
            "asked_for_in_this_turn": list(self._outstanding.pending()),
            "not_answered": list(self._outstanding.not_answered()),
            "waits_for_events": self._mailbox.awaited(),
            "unread_events": [event.name for event in self._mailbox.unread],
            "tasks": list(who_waits(self.scheduler)),
            "patches": list(self.patches.applied),
        }


def _starts_over(completion: CompleteOrchestration | VersionNotAvailable | None) -> bool:
    return isinstance(completion, CompleteOrchestration) and completion.status is Status.CONTINUED_AS_NEW
