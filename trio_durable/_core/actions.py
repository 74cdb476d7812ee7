"""What orchestration code asks for in a turn.

Each action has an `id`, counted from 1 in program order within one execution; the service confirms it with an event of
the same id (see `ledger.py`).  Actions are values, like events.
"""

from __future__ import annotations

from dataclasses import dataclass, field

from trio_durable._core.events import Event, Router, Status, TimerOrigin, TraceContext
from trio_durable._core.failures import FailureDetails

__all__ = [
    "Action",
    "CompleteOrchestration",
    "CreateChild",
    "CreateDetached",
    "CreateTimer",
    "ScheduleTask",
    "SendEvent",
    "TerminateInstance",
    "UnknownAction",
    "VersionNotAvailable",
]


@dataclass(slots=True)
class Action:
    """Something to be done by the service."""

    id: int


@dataclass(slots=True)
class ScheduleTask(Action):
    """Run an activity."""

    name: str
    input: str | None = None
    version: str | None = None
    task_execution_id: str = ""
    history_scope: int | None = None
    router: Router | None = None


@dataclass(slots=True)
class CreateChild(Action):
    """Start a child orchestration; an empty `instance_id` leaves the choice to the service."""

    name: str
    instance_id: str = ""
    input: str | None = None
    version: str | None = None
    history_scope: int | None = None
    retry_parent_instance_id: str | None = None
    router: Router | None = None


@dataclass(slots=True)
class CreateDetached(Action):
    """Start an orchestration that has no parent."""

    name: str
    instance_id: str = ""
    input: str | None = None
    version: str | None = None
    scheduled_start: int | None = None
    execution_id: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    trace_context: TraceContext | None = None
    router: Router | None = None


@dataclass(slots=True)
class CreateTimer(Action):
    """Fire at `fire_at` (nanoseconds; `clock.FOREVER` means never)."""

    fire_at: int
    name: str | None = None
    origin: TimerOrigin | None = None


@dataclass(slots=True)
class SendEvent(Action):
    """Send an external event to another instance (few services carry it out)."""

    instance_id: str
    name: str
    data: str | None = None


@dataclass(slots=True)
class TerminateInstance(Action):
    """Terminate another instance (few services carry it out)."""

    instance_id: str
    reason: str | None = None
    recurse: bool = False


@dataclass(slots=True)
class CompleteOrchestration(Action):
    """End this execution.  With CONTINUED_AS_NEW, `result` is the next input and `carryover` the events it starts
    with.
    """

    status: Status
    result: str | None = None
    failure: FailureDetails | None = None
    new_version: str | None = None
    carryover: list[Event] = field(default_factory=list)


@dataclass(slots=True)
class VersionNotAvailable(Action):
    """This worker does not have the version that the instance is pinned to."""


@dataclass(slots=True)
class UnknownAction(Action):
    """A kind of action that this version does not know; `kind` is its field number or name, for messages."""

    kind: str = ""
