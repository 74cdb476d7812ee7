"""What happened: the vocabulary of history.

One class per kind of event, in the order in which a life usually meets them.  Every event has an `event_id` (the id of
the action it confirms, otherwise -1) and a `timestamp` (nanoseconds).  Events are values: they are compared, printed
and never changed once made.  They are plain slotted classes, not frozen ones, because a replay makes one per recorded
event and a frozen dataclass takes three times as long to build.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from enum import Enum, IntEnum

from trio_durable._core.failures import FailureDetails

__all__ = [
    "ChildCompleted",
    "ChildCreated",
    "ChildFailed",
    "ContinuedAsNew",
    "DetachedCreated",
    "Event",
    "EventRaised",
    "EventSent",
    "ExecutionCompleted",
    "ExecutionResumed",
    "ExecutionStalled",
    "ExecutionStarted",
    "ExecutionSuspended",
    "ExecutionTerminated",
    "OrchestratorCompleted",
    "OrchestratorStarted",
    "ParentInstance",
    "PropagationScope",
    "Router",
    "Status",
    "TaskCompleted",
    "TaskFailed",
    "TaskScheduled",
    "TimerCreated",
    "TimerFired",
    "TimerOrigin",
    "TimerOriginKind",
    "TraceContext",
    "UnknownEvent",
    "app_of",
]


class PropagationScope(IntEnum):
    """How much history a call hands down: nothing, the caller's own, or also what the caller was handed."""

    NONE = 0
    OWN_HISTORY = 1
    LINEAGE = 2


class Status(IntEnum):
    """The state of an instance; the numbers are the protocol's."""

    def __str__(self) -> str:
        return self.name

    def __format__(self, spec: str) -> str:
        return format(self.name, spec)

    def __repr__(self) -> str:
        return f"OrchestrationStatus.{self.name}"

    RUNNING = 0
    COMPLETED = 1
    CONTINUED_AS_NEW = 2
    FAILED = 3
    CANCELED = 4
    TERMINATED = 5
    PENDING = 6
    SUSPENDED = 7
    STALLED = 8

    @property
    def is_terminal(self) -> bool:
        """Whether an instance in this state has ended for good."""
        return self in (Status.COMPLETED, Status.FAILED, Status.CANCELED, Status.TERMINATED)


@dataclass(frozen=True, slots=True)
class Router:
    """Which app something comes from and goes to; the source is stamped by the sidecar."""

    source_app_id: str = ""
    target_app_id: str | None = None
    target_app_namespace: str | None = None


def app_of(router: Router | None) -> str:
    """The app that something routed so is for; "" where no app ids are used."""
    return "" if router is None else router.target_app_id or router.source_app_id


@dataclass(frozen=True, slots=True)
class TraceContext:
    """W3C trace context of the caller."""

    trace_parent: str = ""
    span_id: str = ""
    trace_state: str | None = None


@dataclass(frozen=True, slots=True)
class ParentInstance:
    """The orchestration that started this one, and the id of its action that did."""

    task_scheduled_id: int
    instance_id: str
    execution_id: str | None = None
    name: str | None = None
    version: str | None = None
    app_id: str | None = None
    app_namespace: str | None = None


class TimerOriginKind(Enum):
    """Why a timer exists."""

    CREATE_TIMER = "createTimer"
    EXTERNAL_EVENT = "externalEvent"
    ACTIVITY_RETRY = "activityRetry"
    CHILD_RETRY = "childWorkflowRetry"


@dataclass(frozen=True, slots=True)
class TimerOrigin:
    """Why a timer exists; `value` is the event's name, the activity's taskExecutionId or the first child's instance
    id.
    """

    kind: TimerOriginKind
    value: str = ""


@dataclass(slots=True)
class Event:
    """Something that happened."""

    event_id: int
    timestamp: int


@dataclass(slots=True)
class OrchestratorStarted(Event):
    """A turn began; its timestamp becomes the orchestration's time."""

    version: str | None = None
    patches: tuple[str, ...] = ()


@dataclass(slots=True)
class OrchestratorCompleted(Event):
    """A turn ended."""


@dataclass(slots=True)
class ExecutionStarted(Event):
    """The instance began: which orchestrator, with which input."""

    name: str
    input: str | None = None
    instance_id: str = ""
    execution_id: str | None = None
    version: str | None = None
    parent: ParentInstance | None = None
    scheduled_start: int | None = None
    trace_context: TraceContext | None = None
    span_id: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    router: Router | None = None


@dataclass(slots=True)
class ExecutionCompleted(Event):
    """The instance ended."""

    status: Status
    result: str | None = None
    failure: FailureDetails | None = None


@dataclass(slots=True)
class ExecutionTerminated(Event):
    """A client ended the instance; `input` becomes its result."""

    input: str | None = None
    recurse: bool = False


@dataclass(slots=True)
class ExecutionSuspended(Event):
    """Nothing may proceed until ExecutionResumed."""

    input: str | None = None


@dataclass(slots=True)
class ExecutionResumed(Event):
    """What was held back while suspended is delivered now."""

    input: str | None = None


@dataclass(slots=True)
class ExecutionStalled(Event):
    """No worker at hand could run this turn; `reason` is the protocol's number."""

    reason: int = 0
    description: str | None = None


@dataclass(slots=True)
class TaskScheduled(Event):
    """An activity was scheduled."""

    name: str
    input: str | None = None
    version: str | None = None
    task_execution_id: str = ""
    trace_context: TraceContext | None = None
    history_scope: int | None = None
    router: Router | None = None


@dataclass(slots=True)
class TaskCompleted(Event):
    """An activity returned."""

    task_scheduled_id: int
    result: str | None = None
    task_execution_id: str = ""


@dataclass(slots=True)
class TaskFailed(Event):
    """An activity raised."""

    task_scheduled_id: int
    failure: FailureDetails | None = None
    task_execution_id: str = ""


@dataclass(slots=True)
class ChildCreated(Event):
    """A child orchestration was created."""

    instance_id: str
    name: str
    input: str | None = None
    version: str | None = None
    trace_context: TraceContext | None = None
    history_scope: int | None = None
    retry_parent_instance_id: str | None = None
    router: Router | None = None


@dataclass(slots=True)
class ChildCompleted(Event):
    """A child orchestration returned."""

    task_scheduled_id: int
    result: str | None = None


@dataclass(slots=True)
class ChildFailed(Event):
    """A child orchestration failed; `failure` is None when it was terminated."""

    task_scheduled_id: int
    failure: FailureDetails | None = None


@dataclass(slots=True)
class DetachedCreated(Event):
    """An orchestration without a parent was created."""

    instance_id: str
    router: Router | None = None


@dataclass(slots=True)
class TimerCreated(Event):
    """A timer was set."""

    fire_at: int
    name: str | None = None
    origin: TimerOrigin | None = None


@dataclass(slots=True)
class TimerFired(Event):
    """A timer went off."""

    timer_id: int
    fire_at: int = 0


@dataclass(slots=True)
class EventRaised(Event):
    """Somebody sent the instance an external event."""

    name: str
    input: str | None = None


@dataclass(slots=True)
class EventSent(Event):
    """The instance sent an event to another one."""

    instance_id: str
    name: str
    input: str | None = None


@dataclass(slots=True)
class ContinuedAsNew(Event):
    """A marker some services write when an instance starts over."""

    input: str | None = None


@dataclass(slots=True)
class UnknownEvent(Event):
    """A kind of event that this version does not know; `kind` is its field number or name, for messages."""

    kind: str = ""
