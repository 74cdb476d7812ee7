"""What users may implement.

`Converter` turns values into payloads and back; give one to the worker and to the client.

`Store` is where a sidecar keeps its instances.  It knows nothing of the protocol: every payload is opaque bytes, and
the changes of one commit are a list of plain records, to be made durable together or not at all.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, Protocol

__all__ = [
    "AddActivity",
    "AddInbox",
    "AddTimer",
    "AppendHistory",
    "Change",
    "ClearExecution",
    "Converter",
    "CreateInstance",
    "DeleteInstance",
    "RemoveActivity",
    "RemoveTimer",
    "Snapshot",
    "Store",
    "StoredActivity",
    "StoredEvent",
    "StoredInstance",
    "StoredTimer",
    "TakeInbox",
    "UpdateInstance",
]


class Converter(Protocol):
    """How values become payloads, JSON text, and payloads values.

    Workers and clients of one task hub need converters that understand each other.  `trio_durable.JsonConverter` is the
    one they have if they are given none; one that encrypts or compresses wraps it (see `examples/encrypted.py`).

    None is the absent payload and never gets here.  Both methods raise `trio_durable.PayloadError` for what they cannot
    do.
    """

    def to_json(self, value: object) -> str:
        """`value` as JSON text.  It need not be the same text each time."""
        ...

    def from_json(self, text: str, wanted: Any = None) -> Any:
        """The value in `text`; as a `wanted` (a type hint) if one is given."""
        ...


@dataclass(frozen=True, slots=True)
class CreateInstance:
    """A new instance.  Whatever was stored under this id before is deleted first.

    handed_down: what its parent showed it of the histories above; kept until the instance is deleted.
    """

    instance_id: str
    parent_id: str | None
    state: bytes
    input: str | None
    handed_down: bytes | None = None


@dataclass(frozen=True, slots=True)
class UpdateInstance:
    """The instance's state changed.  active is False once it has ended: then it is no part of `recover`."""

    instance_id: str
    active: bool
    state: bytes


@dataclass(frozen=True, slots=True)
class ClearExecution:
    """The instance starts over: its history, inbox and timers are deleted, its input is replaced.  Activities stay."""

    instance_id: str
    input: str | None


@dataclass(frozen=True, slots=True)
class DeleteInstance:
    """Everything about the instance is deleted.  An unknown id is no error."""

    instance_id: str


@dataclass(frozen=True, slots=True)
class AppendHistory:
    """`count` events, encoded together, that follow the first `start` events of the instance's history."""

    instance_id: str
    start: int
    count: int
    data: bytes


@dataclass(frozen=True, slots=True)
class AddInbox:
    """One event has arrived.  `sequence` orders the inbox; it is unique within the store."""

    instance_id: str
    sequence: int
    data: bytes


@dataclass(frozen=True, slots=True)
class TakeInbox:
    """The events up to and including `sequence` were used up by a turn."""

    instance_id: str
    sequence: int


@dataclass(frozen=True, slots=True)
class AddActivity:
    """An activity waits to be run.  `sequence` is unique among activities."""

    instance_id: str
    sequence: int
    execution_id: str
    data: bytes


@dataclass(frozen=True, slots=True)
class RemoveActivity:
    """The activity has been answered."""

    sequence: int


@dataclass(frozen=True, slots=True)
class AddTimer:
    """A timer is armed; fire_at is in nanoseconds since the epoch, less than 2**63."""

    instance_id: str
    timer_id: int
    fire_at: int


@dataclass(frozen=True, slots=True)
class RemoveTimer:
    """The timer has fired."""

    instance_id: str
    timer_id: int


Change = (
    CreateInstance
    | UpdateInstance
    | ClearExecution
    | DeleteInstance
    | AppendHistory
    | AddInbox
    | TakeInbox
    | AddActivity
    | RemoveActivity
    | AddTimer
    | RemoveTimer
)


@dataclass(frozen=True, slots=True)
class StoredInstance:
    """An instance as it was last saved."""

    instance_id: str
    parent_id: str | None
    active: bool
    state: bytes
    input: str | None
    handed_down: bytes | None = None


@dataclass(frozen=True, slots=True)
class StoredEvent:
    instance_id: str
    sequence: int
    data: bytes


@dataclass(frozen=True, slots=True)
class StoredActivity:
    instance_id: str
    sequence: int
    execution_id: str
    data: bytes


@dataclass(frozen=True, slots=True)
class StoredTimer:
    instance_id: str
    timer_id: int
    fire_at: int


@dataclass(slots=True)
class Snapshot:
    """What a sidecar needs to go on where the last one stopped."""

    instances: list[StoredInstance] = field(default_factory=list)
    inbox: list[StoredEvent] = field(default_factory=list)
    activities: list[StoredActivity] = field(default_factory=list)
    timers: list[StoredTimer] = field(default_factory=list)


class Store(Protocol):
    """Where a sidecar keeps its instances.

    All methods are plain functions.  A sidecar never calls two at once; when `blocking` is True it calls them in a
    worker thread, one call at a time but not always in the same thread.

    The one promise that everything else rests on: when `commit` returns, its changes survive the loss of the process
    and of the machine's power; when it raises, none of them was made.
    """

    blocking: bool

    def commit(self, changes: Sequence[Change]) -> None:
        """Make all changes, in order, durably and as one.  Raises whatever goes wrong; the sidecar then stops."""
        ...

    def recover(self) -> Snapshot:
        """The active instances (in order of creation), and every waiting event (by sequence), activity and timer."""
        ...

    def instance(self, instance_id: str) -> StoredInstance | None:
        """The instance, active or not, or None."""
        ...

    def history(self, instance_id: str) -> list[tuple[int, bytes]]:
        """The instance's history, in order: what `AppendHistory` was given, as (count, data)."""
        ...

    def children(self, instance_id: str) -> list[str]:
        """Ids of the instances whose parent_id is `instance_id`, active or not."""
        ...

    def instance_ids(self, *, after: str | None, limit: int) -> list[str]:
        """Up to `limit` ids of all instances, in order of the ids, those greater than `after` only."""
        ...

    def close(self) -> None:
        """Give up files and locks.  Nothing is called afterwards."""
        ...
