"""The service half: actions in, events out.

An `Instance` is one orchestration instance as the service sees it.  It keeps no history of its own (whoever stores it
does); it folds history into what the next decision needs: has it started, is it suspended, which ids were asked for,
which of them were answered, which children are still out.

A turn has two steps, and nothing changes before the second:

    begin(inbox)      what the worker is to be told: the clock, then every arrived event that is not a duplicate
    complete(turn)    what the worker's actions do: events for history, tasks, timers, messages to other instances;
                      each single action is `carrying_out.py`'s

An answer that never comes, or comes from a worker that was lost, therefore costs nothing: `begin` again.

Rules it holds (the protocol's, and where the protocol is silent, durabletask-go's):
- Each action is confirmed by an event with the action's id.  A turn that asks for an id twice has lost its way; the
  instance fails with a message that says so, because a refusal would be retried for ever.
- One answer per (kind, id); later ones, and answers to what was never asked for, are dropped.
- Terminate wins over continue-as-new and over a worker that ignores it; a completion made first wins over both.
- Continue-as-new loses every other action of its turn, keeps name and parent, and begins a new execution.
- A parent hears of a child's end once; of a terminated child as a failure without details.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

from trio_durable._core import actions as ac
from trio_durable._core import events as ev
from trio_durable._core.carrying_out import NO_ID, CarryingOut, Message, Outcome, ProtocolError
from trio_durable._core.events import Event, Status
from trio_durable._core.failures import FailureDetails
from trio_durable._core.ledger import ANSWERS, CONFIRMS, Kind, answered_id

__all__ = ["Instance", "TurnPlan"]

#: The protocol's numbers for "the worker's patches are not those of history" and for "no worker at hand has the version
#: this instance is pinned to".
PATCH_MISMATCH = 0
VERSION_NOT_AVAILABLE = 1

@dataclass(slots=True)
class TurnPlan:
    """What a worker is to be told.  Without `events` there is nothing to run.

    taken: how many of the inbox's events this turn uses up, duplicates included.
    """

    events: list[Event] = field(default_factory=list)
    taken: int = 0
    dropped: list[Event] = field(default_factory=list)


def _gave_up(actions: Sequence[ac.Action]) -> bool:
    """Whether the worker's engine ends the instance, whose code may then not have come as far as before."""
    return any(isinstance(action, ac.CompleteOrchestration) and action.id == NO_ID for action in actions)


class Instance:
    """One orchestration instance, service side.

    instance_id: its id.  custom_status: raw JSON or None, as the last turn left it.
    tight_generations: how many executions in a row continued as new in their first turn, hearing nothing new.
    """

    __slots__ = (
        "_answered",
        "_asked",
        "_children",
        "_suspended",
        "completed",
        "completed_at",
        "continued",
        "custom_status",
        "instance_id",
        "last_updated_at",
        "patches",
        "stalled",
        "started",
        "started_at",
        "tight_generations",
        "version",
    )

    def __init__(self, instance_id: str) -> None:
        self.instance_id = instance_id
        self.custom_status: str | None = None
        self.tight_generations = 0
        self.continued = False
        self._reset()

    def _reset(self) -> None:
        self.started: ev.ExecutionStarted | None = None
        self.started_at: int | None = None
        self.last_updated_at = 0
        self.completed: ev.ExecutionCompleted | None = None
        self.completed_at: int | None = None
        self.stalled: ev.ExecutionStalled | None = None
        self.version: str | None = None
        self.patches: list[str] = []
        self._suspended = False
        #: what was asked for: (kind, id) -> the name it was asked for by
        self._asked: dict[tuple[Kind, int], str] = {}
        self._answered: set[tuple[Kind, int]] = set()
        self._children: dict[int, str] = {}

    @classmethod
    def restore(cls, instance_id: str, history: Iterable[Event], *, custom_status: str | None = None) -> Instance:
        """The instance that has `history` behind it."""
        instance = cls(instance_id)
        instance.custom_status = custom_status
        for event in history:
            instance._apply(event)
        return instance

    @property
    def status(self) -> Status:
        if self.completed is not None:
            return self.completed.status
        if self.stalled is not None:
            return Status.STALLED
        if self.started is None:
            return Status.RUNNING if self.continued else Status.PENDING
        return Status.SUSPENDED if self._suspended else Status.RUNNING

    @property
    def execution_id(self) -> str | None:
        """The current execution's id; None before the first turn is over."""
        return None if self.started is None else self.started.execution_id

    @property
    def open_children(self) -> list[str]:
        """Instance ids of the children whose end this execution has not heard of, in order of creation."""
        return list(self._children.values())

    # -- a turn ------------------------------------------------------------------------------------------------------

    def begin(self, inbox: Sequence[Event], *, now: int) -> TurnPlan:
        """Plan a turn over everything that has arrived.  Changes nothing.

        A plan without events runs no turn: either every event was a duplicate (`taken` says how many to throw away), or
        the instance has ended, or it has not been started (then `taken` is 0 and the events wait).
        """
        if self.completed is not None:
            return TurnPlan([], len(inbox), list(inbox))
        started = self.started is not None
        answered: set[tuple[Kind, int]] = set()
        accepted: list[Event] = []
        dropped: list[Event] = []
        for event in inbox:
            if isinstance(event, ev.ExecutionStarted):
                duplicate = started
                started = True
            else:
                kind = ANSWERS.get(type(event))
                if kind is None:
                    duplicate = False
                else:
                    key = (kind, answered_id(event))
                    duplicate = key not in self._asked or key in self._answered or key in answered
                    answered.add(key)
            (dropped if duplicate else accepted).append(event)
        if not started:
            return TurnPlan()
        if not accepted:
            return TurnPlan([], len(inbox), dropped)
        return TurnPlan([ev.OrchestratorStarted(NO_ID, now), *accepted], len(inbox), dropped)

    def complete(
        self,
        plan: TurnPlan,
        actions: Sequence[ac.Action],
        *,
        now: int,
        new_id: Callable[[], str],
        custom_status: str | None = None,
        version: str | None = None,
        patches: tuple[str, ...] = (),
    ) -> Outcome:
        """Carry out a worker's answer to `plan`.

        new_id makes the execution ids of new executions.  custom_status is the whole truth: None clears it.  version
        and patches are recorded in the turn's OrchestratorStarted.
        """
        terminate = next((event for event in plan.events if isinstance(event, ev.ExecutionTerminated)), None)
        if terminate is None and any(isinstance(action, ac.VersionNotAvailable) for action in actions):
            wanted = f"version {self.version!r}" if self.version is not None else "the version it asks for"
            return self._stall(now, VERSION_NOT_AVAILABLE, f"No connected worker has {wanted} of this orchestration.")
        if terminate is None and list(patches[: len(self.patches)]) != self.patches and not _gave_up(actions):
            return self._stall(
                now,
                PATCH_MISMATCH,
                f"History holds the patches {self.patches}, and the worker's code applied {list(patches)}, which does"
                " not begin with them: the code was changed where it had been before.",
            )
        first_turn = self.started is None
        events = list(plan.events)
        if (version is not None or patches) and isinstance(events[0], ev.OrchestratorStarted):
            events[0] = replace(events[0], version=version, patches=patches)
        for event in events:
            self._apply(event)
        self.stalled = None
        self.custom_status = custom_status

        outcome = Outcome(history=events)
        hands = CarryingOut(self, outcome, now=now, new_id=new_id, terminate=terminate)
        try:
            for action in actions:
                hands.act(action)
                if outcome.continued:
                    return self._continue(action, now, new_id, first_turn)
        except ProtocolError as error:
            if self.completed is None:  # otherwise the end was made first, and stands
                hands.give_up()
                failure = FailureDetails("OrchestrationProtocolError", str(error), non_retriable=True)
                hands.end(ac.CompleteOrchestration(NO_ID, Status.FAILED, failure=failure))
        if terminate is not None and self.completed is None:
            hands.give_up()
            hands.end(ac.CompleteOrchestration(NO_ID, Status.TERMINATED, terminate.input))
        if terminate is not None and terminate.recurse:
            for child in self._children.values():
                event = ev.ExecutionTerminated(NO_ID, now, terminate.input, recurse=True)
                outcome.messages.append(Message(child, event))
        return outcome

    def _stall(self, now: int, reason: int, description: str) -> Outcome:
        self.stalled = ev.ExecutionStalled(NO_ID, now, reason, description)
        return Outcome(stalled=self.stalled)

    def _continue(self, action: ac.Action, now: int, new_id: Callable[[], str], first_turn: bool) -> Outcome:
        """Begin the next execution; everything else the turn asked for is lost."""
        assert isinstance(action, ac.CompleteOrchestration)
        assert self.started is not None
        old = self.started
        started = ev.ExecutionStarted(
            NO_ID,
            now,
            name=old.name,
            input=action.result,
            instance_id=self.instance_id,
            execution_id=new_id(),
            version=action.new_version,
            parent=old.parent,
            tags=dict(old.tags),
            router=old.router,
        )
        self.tight_generations = self.tight_generations + 1 if first_turn else 0
        self._reset()
        self.continued = True
        self.last_updated_at = now
        return Outcome(continued=True, inbox=[started, *action.carryover])

    # -- folding history ---------------------------------------------------------------------------------------------

    def _apply(self, event: Event) -> None:
        """Take one event of history into account."""
        self.last_updated_at = event.timestamp
        cls = type(event)
        kind = ANSWERS.get(cls)
        if kind is not None:
            number = answered_id(event)
            self._answered.add((kind, number))
            if kind is Kind.CHILD:
                self._children.pop(number, None)
            return
        row = CONFIRMS.get(cls)
        if row is not None:
            self._asked[row.kind, event.event_id] = getattr(event, "name", None) or ""
            if isinstance(event, ev.ChildCreated):
                self._children[event.event_id] = event.instance_id
            return
        match event:
            case ev.OrchestratorStarted():
                if self.started_at is None:
                    self.started_at = event.timestamp
                if event.version is not None and self.version is None:
                    self.version = event.version
                if event.patches:
                    self.patches = list(event.patches)  # each turn reports the whole list
            case ev.ExecutionStarted():
                self.started = event
                self.version = event.version if self.version is None else self.version
            case ev.ExecutionSuspended():
                self._suspended = True
            case ev.ExecutionResumed():
                self._suspended = False
            case ev.ExecutionCompleted():
                self.completed = event
                self.completed_at = event.timestamp
