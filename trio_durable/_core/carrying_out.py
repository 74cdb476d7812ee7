"""What a worker's actions do: the second step of the service half's turn.

Each action becomes the event that confirms it, and what has to be done outside: a task for a worker, a timer, a message
to another instance.  `Instance.complete` (`instance.py`) hands the actions over one by one and decides what the whole
turn comes to.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from trio_durable._core import actions as ac
from trio_durable._core import events as ev
from trio_durable._core.events import Event, Status
from trio_durable._core.ledger import CONFIRMS, KIND_OF

if TYPE_CHECKING:
    from trio_durable._core.instance import Instance

__all__ = ["NO_ID", "CarryingOut", "Message", "Outcome", "ProtocolError", "child_instance_id"]

#: The id of events that no action asked for.
NO_ID = -1


@dataclass(slots=True)
class Message:
    """An event for another instance's inbox; an ExecutionStarted creates that instance.

    execution_id: the execution it is meant for; None means whichever is current.
    """

    to: str
    event: Event
    execution_id: str | None = None


@dataclass(slots=True)
class Outcome:
    """What a turn did; all of it becomes true together or not at all.

    history: events to append.  When `continued`, the old history is discarded first and `inbox` is what the next
    execution begins with.  When `stalled` is set nothing else is, and the turn's events stay in the inbox.
    """

    history: list[Event] = field(default_factory=list)
    tasks: list[ev.TaskScheduled] = field(default_factory=list)
    timers: list[ev.TimerCreated] = field(default_factory=list)
    messages: list[Message] = field(default_factory=list)
    continued: bool = False
    inbox: list[Event] = field(default_factory=list)
    stalled: ev.ExecutionStalled | None = None


class ProtocolError(Exception):
    """A worker's actions make no sense; the instance fails with this text."""


def child_instance_id(parent: str, action_id: int) -> str:
    """The id of a child that was created without one: the parent's id and the action's, in four hexadecimal digits."""
    return f"{parent}:{action_id & 0xFFFF:04x}"


class CarryingOut:
    """One turn of `instance` being carried out; `outcome` is what has come of it so far.

    now: nanoseconds.  new_id: makes execution ids.  terminate: the turn's terminate event, if it has one.
    """

    __slots__ = ("_instance", "_new_id", "_now", "_terminate", "outcome")

    def __init__(
        self,
        instance: Instance,
        outcome: Outcome,
        *,
        now: int,
        new_id: Callable[[], str],
        terminate: ev.ExecutionTerminated | None,
    ) -> None:
        self._instance = instance
        self._now = now
        self._new_id = new_id
        self._terminate = terminate
        self.outcome = outcome

    @property
    def _whose(self) -> str:
        return repr(self._instance.instance_id)

    @property
    def _started(self) -> ev.ExecutionStarted:
        assert self._instance.started is not None  # or there were no turn
        return self._instance.started

    def act(self, action: ac.Action) -> None:
        """Carry out one action; `outcome.continued` says that it was a continue-as-new that took effect."""
        kind = KIND_OF.get(type(action))
        asked = None if kind is None else self._instance._asked.get((kind, action.id))
        if kind is not None and asked is not None:
            if asked == (getattr(action, "name", None) or ""):
                # Workers of other SDKs that were suspended in the middle of a turn ask for the same thing again.
                return
            raise ProtocolError(
                f"The turn of {self._whose} asks for {kind.value} #{action.id}, which history holds already: the"
                " code took another path than the one recorded. Expected: a new id for each new action. Check the"
                " orchestrator for non-deterministic code or a change that needs a new version."
            )
        match action:
            case ac.ScheduleTask():
                task = self._task(action)
                self.outcome.tasks.append(task)
                self._record(task)
            case ac.CreateTimer():
                timer = ev.TimerCreated(action.id, self._now, action.fire_at, action.name, action.origin)
                self.outcome.timers.append(timer)
                self._record(timer)
            case ac.CreateChild():
                self._create_child(action)
            case ac.CreateDetached():
                self._create_detached(action)
            case ac.SendEvent():
                self._record(ev.EventSent(action.id, self._now, action.instance_id, action.name, action.data))
                raised = ev.EventRaised(NO_ID, self._now, action.name, action.data)
                self.outcome.messages.append(Message(action.instance_id, raised))
            case ac.TerminateInstance():
                terminated = ev.ExecutionTerminated(NO_ID, self._now, action.reason, action.recurse)
                self.outcome.messages.append(Message(action.instance_id, terminated))
            case ac.CompleteOrchestration():
                if self._instance.completed is not None:
                    return
                if action.status is Status.CONTINUED_AS_NEW:
                    self.outcome.continued = self._terminate is None
                    return
                if not action.status.is_terminal:
                    raise ProtocolError(
                        f"The turn ends {self._whose} with status {action.status.name}, which is no end."
                        " Expected COMPLETED, FAILED, TERMINATED, CANCELED or CONTINUED_AS_NEW."
                    )
                self.end(action)
            case ac.VersionNotAvailable():
                pass  # only beside a terminate, which needs no version
            case _:
                what = action.kind if isinstance(action, ac.UnknownAction) else type(action).__name__
                raise ProtocolError(
                    f"The turn of {self._whose} asks for {what} (action #{action.id}), which this sidecar cannot"
                    " do. Expected an action of the Dapr dialect of the protocol. Update the sidecar or the worker."
                )

    def _task(self, action: ac.ScheduleTask) -> ev.TaskScheduled:
        return ev.TaskScheduled(
            action.id,
            self._now,
            name=action.name,
            input=action.input,
            version=action.version,
            task_execution_id=action.task_execution_id,
            trace_context=self._started.trace_context,
            history_scope=action.history_scope,
            router=self._routed(action.router),
        )

    def _routed(self, router: ev.Router | None) -> ev.Router | None:
        """`router` with this instance's app as the source, where app ids are used."""
        mine = ev.app_of(self._started.router)
        if not mine:
            return router
        return ev.Router(mine) if router is None else replace(router, source_app_id=mine)

    def _create_child(self, action: ac.CreateChild) -> None:
        child_id = action.instance_id or child_instance_id(self._instance.instance_id, action.id)
        trace = self._started.trace_context
        router = self._routed(action.router)
        created = ev.ChildCreated(
            action.id,
            self._now,
            instance_id=child_id,
            name=action.name,
            input=action.input,
            version=action.version,
            trace_context=trace,
            history_scope=action.history_scope,
            retry_parent_instance_id=action.retry_parent_instance_id,
            router=router,
        )
        self._record(created)
        parent = ev.ParentInstance(
            task_scheduled_id=action.id,
            instance_id=self._instance.instance_id,
            execution_id=self._started.execution_id,
            name=self._started.name,
            version=self._started.version,
            app_id=router.source_app_id or None if router is not None else None,
        )
        started = ev.ExecutionStarted(
            NO_ID,
            self._now,
            name=action.name,
            input=action.input,
            instance_id=child_id,
            execution_id=self._new_id(),
            version=action.version,
            parent=parent,
            trace_context=trace,
            router=router,
        )
        self.outcome.messages.append(Message(child_id, started))

    def _create_detached(self, action: ac.CreateDetached) -> None:
        if not action.instance_id:
            raise ProtocolError(
                f"The turn of {self._whose} starts a detached {action.name!r} (action #{action.id}) without an"
                " instance id. Expected one: the sidecar must not choose it, or a repeated turn would start another."
            )
        router = self._routed(action.router)
        self._record(ev.DetachedCreated(action.id, self._now, action.instance_id, router))
        started = ev.ExecutionStarted(
            NO_ID,
            self._now,
            name=action.name,
            input=action.input,
            instance_id=action.instance_id,
            execution_id=action.execution_id or self._new_id(),
            version=action.version,
            scheduled_start=action.scheduled_start,
            trace_context=action.trace_context or self._started.trace_context,
            tags=dict(action.tags),
            router=router,
        )
        self.outcome.messages.append(Message(action.instance_id, started))

    def end(self, action: ac.CompleteOrchestration) -> None:
        """The instance is over; tell its parent."""
        self._record(ev.ExecutionCompleted(action.id, self._now, action.status, action.result, action.failure))
        parent = self._started.parent
        if parent is None:
            return
        answer: Event
        if action.status is Status.COMPLETED:
            answer = ev.ChildCompleted(NO_ID, self._now, parent.task_scheduled_id, action.result)
        else:
            answer = ev.ChildFailed(NO_ID, self._now, parent.task_scheduled_id, action.failure)
        self.outcome.messages.append(Message(parent.instance_id, answer, parent.execution_id))

    def give_up(self) -> None:
        """Drop what this turn asked for, and the events that confirmed it: the instance ends without them."""
        for event in self.outcome.history:
            if type(event) in CONFIRMS:
                self._instance._children.pop(event.event_id, None)
        outcome = self.outcome
        outcome.history = [e for e in outcome.history if type(e) not in CONFIRMS and type(e) is not ev.EventSent]
        outcome.tasks.clear()
        outcome.timers.clear()
        outcome.messages.clear()

    def _record(self, event: Event) -> None:
        self.outcome.history.append(event)
        self._instance._apply(event)
