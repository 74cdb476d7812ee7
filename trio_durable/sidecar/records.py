"""What the hub keeps in memory: one record per active instance, its waiting events, its turn, the activities."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass, field

from trio_durable import abc
from trio_durable._core.events import Event, TaskScheduled, app_of
from trio_durable._core.instance import Instance, TurnPlan
from trio_durable._wire.events import event_from_bytes
from trio_durable._wire.requests import Activity
from trio_durable._wire.splice import unpack_task
from trio_durable._wire.states import InstanceState

__all__ = ["ActivityTask", "Batch", "InboxEntry", "Record", "TurnInFlight"]


class InboxEntry:
    """An event that has arrived.  Its bytes are made or read once; the event is decoded only if a turn needs it.

    batch: the number of the commit that holds it.
    """

    __slots__ = ("_event", "batch", "data", "sequence")

    def __init__(self, sequence: int, data: bytes, event: Event | None, batch: int) -> None:
        self.sequence = sequence
        self.data = data
        self.batch = batch
        self._event = event

    @property
    def event(self) -> Event:
        if self._event is None:
            self._event = event_from_bytes(self.data)
        return self._event


@dataclass(slots=True)
class TurnInFlight:
    """A turn that a worker has been, or is about to be, asked for."""

    plan: TurnPlan
    encoded: dict[int, bytes]  # id(event) -> its bytes, for the plan's events
    last_sequence: int
    token: str = ""
    stream: int | None = None


@dataclass(slots=True, eq=False)
class Record:
    """An active instance.

    state: as decided, perhaps not committed yet.  visible: as committed; None until the first commit.
    instance: None after a restart until a turn needs it.  history: per turn, the number of its events and their framed
    bytes.  starts_at: nanoseconds, or None once it may start.  batch: number of the commit that holds the last turn.
    app_id: whose workers run it; after a restart, known once its history is loaded.  handed_down: what its parent
    showed it of the histories above, encoded.
    """

    instance_id: str
    state: InstanceState
    parent_id: str | None = None
    visible: InstanceState | None = None
    instance: Instance | None = None
    history: list[tuple[int, bytes]] = field(default_factory=list)
    events: int = 0
    inbox: deque[InboxEntry] = field(default_factory=deque)
    turn: TurnInFlight | None = None
    timers: dict[int, int] = field(default_factory=dict)
    starts_at: int | None = None
    not_before: int = 0
    batch: int = 0
    stalled: bool = False
    app_id: str = ""
    handed_down: bytes | None = None

    @property
    def ended(self) -> bool:
        return self.state.status.is_terminal


@dataclass(slots=True, eq=False)
class ActivityTask:
    """An activity that has not been answered.  The result belongs to one execution of its instance.

    data: what `pack_task` makes of its event and of what is handed down to it.
    """

    instance_id: str
    sequence: int
    execution_id: str
    data: bytes
    event: TaskScheduled | None = None
    token: str = ""
    stream: int | None = None

    def request(self) -> Activity:
        event = self.scheduled
        return Activity(
            instance_id=self.instance_id,
            task_id=event.event_id,
            name=event.name,
            input=event.input,
            version=event.version,
            task_execution_id=event.task_execution_id,
            execution_id=self.execution_id or None,
            trace_context=event.trace_context,
        )

    @property
    def app_id(self) -> str:
        """Whose workers run it."""
        return app_of(self.scheduled.router)

    @property
    def handed_down(self) -> bytes | None:
        """What it is to be shown of the histories above, encoded."""
        return unpack_task(self.data)[1]

    @property
    def scheduled(self) -> TaskScheduled:
        if self.event is None:
            event = event_from_bytes(unpack_task(self.data)[0])
            assert isinstance(event, TaskScheduled)
            self.event = event
        return self.event


@dataclass(slots=True)
class Batch:
    """The changes of one commit, and what becomes true for others once it is done."""

    number: int
    changes: list[abc.Change] = field(default_factory=list)
    touched: dict[str, tuple[Record, InstanceState | None]] = field(default_factory=dict)
    ready: set[str] = field(default_factory=set)
    activities: list[ActivityTask] = field(default_factory=list)
    terminates: list[Record] = field(default_factory=list)  # to whose inboxes it adds a terminate
    purged: int = 0

    def __bool__(self) -> bool:
        return bool(self.changes or self.ready or self.touched or self.activities)
