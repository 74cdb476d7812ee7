"""What the hub keeps in memory, and what of it is committed.

A decision changes memory at once and writes what it did into the open `Batch`.  Nobody outside learns of it before the
batch is committed: readers see `Record.visible`, workers are offered only what committed batches hold.  If a commit
fails, memory is ahead of the store for good, and the sidecar stops.

An instance's inbox, the mail between instances, and the clock's share (timers and scheduled starts) are kept here; what
turns do with them is in `turns`, what clients ask for in `hub`.
"""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable
from dataclasses import replace
from itertools import islice

from trio_durable import abc
from trio_durable._core import events as ev
from trio_durable._core.carrying_out import NO_ID, Message
from trio_durable._core.events import Event, Status, app_of
from trio_durable._core.failures import FailureDetails
from trio_durable._core.instance import Instance
from trio_durable._wire.events import event_to_bytes
from trio_durable._wire.splice import events_in
from trio_durable._wire.states import InstanceState, state_from_bytes, state_to_bytes
from trio_durable.sidecar.records import ActivityTask, Batch, InboxEntry, Record

__all__ = ["WARM_INSTANCES", "Memory"]

log = logging.getLogger("trio_durable.sidecar")

WARM_INSTANCES = 10_000

#: Timers at or beyond this never fire (the year 2262; the sentinel of indefinite waits is far beyond it).
NEVER = 2**63


class Memory:
    """The instances of one sidecar that have not ended, as decided and as committed.

    now: nanoseconds since the epoch.  new_id: makes instance and execution ids.  warm_instances: how many idle
    instances keep their history in memory; the others are read again when something arrives for them.
    """

    def __init__(
        self, *, now: Callable[[], int], new_id: Callable[[], str], warm_instances: int = WARM_INSTANCES
    ) -> None:
        self._now = now
        self._warm_instances = warm_instances
        self._warm: dict[str, Record] = {}  # in memory with their histories, the longest idle first
        self._new_id = new_id
        self.records: dict[str, Record] = {}
        self.activities: dict[str, dict[int, list[ActivityTask]]] = {}
        self._children: dict[str, set[str]] = {}
        self._due: list[tuple[int, int, str, int | None]] = []
        self._sequence = 0
        self._batch = Batch(1)
        self._committed = 0

    # -- commits -------------------------------------------------------------------------------------------------------

    @property
    def dirty(self) -> bool:
        return bool(self._batch)

    def take(self) -> Batch:
        """Close the open batch for committing; what is decided from now on goes into the next one."""
        batch = self._batch
        self._batch = Batch(batch.number + 1)
        return batch

    def committed(self, batch: Batch) -> list[str]:
        """`batch` is durable.  Returns the ids of the instances that may have a turn to run."""
        self._committed = batch.number
        for instance_id, (record, state) in batch.touched.items():
            record.visible = state
            if (state is None or state.status.is_terminal) and self.records.get(instance_id) is record and record.ended:
                self._forget(record)
        if len(self._warm) > self._warm_instances:
            self._cool()
        return [instance_id for instance_id in batch.ready if self.is_ready(instance_id)]

    def _cool(self) -> None:
        """Let go of the histories of the instances that have been idle longest."""
        for instance_id, record in list(islice(self._warm.items(), 100)):
            if len(self._warm) <= self._warm_instances:
                break
            if record.turn is None and not record.inbox and record.batch <= self._committed:
                del self._warm[instance_id]
                record.instance = None
                record.history = []
                record.events = 0

    def is_ready(self, instance_id: str) -> bool:
        """Whether a committed event waits for a turn that may run now: one whose history is committed, too."""
        record = self.records.get(instance_id)
        return (
            record is not None
            and not record.ended
            and record.turn is None
            and record.batch <= self._committed
            and record.starts_at is None
            and not record.stalled
            and record.not_before <= self._now()
            and bool(record.inbox)
            and record.inbox[0].batch <= self._committed
        )

    def _touch(self, record: Record) -> None:
        self._batch.touched[record.instance_id] = (record, record.state)

    def _forget(self, record: Record) -> None:
        self.records.pop(record.instance_id, None)
        self._warm.pop(record.instance_id, None)
        self._unlink(record)

    def _unlink(self, record: Record) -> None:
        if record.parent_id is not None:
            siblings = self._children.get(record.parent_id)
            if siblings is not None:
                siblings.discard(record.instance_id)
                if not siblings:
                    del self._children[record.parent_id]

    # -- recovery ------------------------------------------------------------------------------------------------------

    def recover(self, snapshot: abc.Snapshot) -> None:
        """Go on where the last sidecar stopped.  Leases were its own: all that waits may be given out at once."""
        now = self._now()
        for row in snapshot.instances:
            state = state_from_bytes(row.state)
            state.input = row.input
            record = Record(
                row.instance_id, state, parent_id=row.parent_id, visible=state, handed_down=row.handed_down
            )
            self._add(record)
            if state.status is Status.PENDING and state.scheduled_start is not None and state.scheduled_start > now:
                self._start_later(record, state.scheduled_start)
        for event in snapshot.inbox:
            self._sequence = max(self._sequence, event.sequence)
            waiting = self.records.get(event.instance_id)
            if waiting is not None:
                waiting.inbox.append(InboxEntry(event.sequence, event.data, None, 0))
                self._batch.ready.add(event.instance_id)
        for row_ in snapshot.activities:
            self._sequence = max(self._sequence, row_.sequence)
            task = ActivityTask(row_.instance_id, row_.sequence, row_.execution_id, row_.data)
            self._add_activity(task)
        for timer in snapshot.timers:
            owner = self.records.get(timer.instance_id)
            if owner is not None:
                owner.timers[timer.timer_id] = timer.fire_at
                self._arm(timer.instance_id, timer.timer_id, timer.fire_at)

    def load(self, record: Record, history: list[tuple[int, bytes]]) -> None:
        """Give `record` the history that the store holds."""
        if record.instance is not None:
            return
        events = events_in(data for _, data in history)
        record.history = history
        record.events = sum(count for count, _ in history)
        record.instance = Instance.restore(
            record.instance_id, events, custom_status=record.state.custom_status
        )
        record.instance.continued = record.state.status is not Status.PENDING
        started = record.instance.started
        if started is None:
            started = next((e.event for e in record.inbox if isinstance(e.event, ev.ExecutionStarted)), None)
        record.app_id = app_of(started.router) if started is not None else ""

    # -- instances -----------------------------------------------------------------------------------------------------

    def _next(self) -> int:
        self._sequence += 1
        return self._sequence

    def _add(self, record: Record) -> None:
        self.records[record.instance_id] = record
        if record.parent_id is not None:
            self._children.setdefault(record.parent_id, set()).add(record.instance_id)

    def _new_record(self, event: ev.ExecutionStarted, handed_down: bytes | None = None) -> Record:
        replaced = self.records.get(event.instance_id)
        if replaced is not None:
            self._forget(replaced)
        self.activities.pop(event.instance_id, None)
        state = InstanceState(
            instance_id=event.instance_id,
            name=event.name,
            status=Status.PENDING,
            version=event.version,
            created_at=event.timestamp,
            last_updated_at=event.timestamp,
            scheduled_start=event.scheduled_start,
            input=event.input,
            execution_id=event.execution_id,
            parent_instance_id=None if event.parent is None else event.parent.instance_id,
            parent_app_id=None if event.parent is None else event.parent.app_id,
            tags=dict(event.tags),
        )
        record = Record(
            event.instance_id,
            state,
            parent_id=state.parent_instance_id,
            visible=None if replaced is None else replaced.visible,
            instance=Instance(event.instance_id),
            app_id=app_of(event.router),
            handed_down=handed_down,
        )
        self._add(record)
        self._batch.changes.append(
            abc.CreateInstance(event.instance_id, record.parent_id, state_to_bytes(state), event.input, handed_down)
        )
        self._touch(record)
        return record

    def _create(self, event: ev.ExecutionStarted, handed_down: bytes | None = None) -> None:
        record = self._new_record(event, handed_down)
        self._put(record, event, event_to_bytes(event))
        if event.scheduled_start is not None and event.scheduled_start > self._now():
            self._start_later(record, event.scheduled_start)

    def _save(self, record: Record) -> None:
        self._batch.changes.append(
            abc.UpdateInstance(record.instance_id, not record.ended, state_to_bytes(record.state))
        )
        self._touch(record)

    def _add_activity(self, task: ActivityTask) -> None:
        self.activities.setdefault(task.instance_id, {}).setdefault(task.scheduled.event_id, []).append(task)
        self._batch.activities.append(task)

    # -- mail ----------------------------------------------------------------------------------------------------------

    def _put(self, record: Record, event: Event, data: bytes) -> None:
        entry = InboxEntry(self._next(), data, event, self._batch.number)
        record.inbox.append(entry)
        self._batch.changes.append(abc.AddInbox(record.instance_id, entry.sequence, data))
        self._batch.ready.add(record.instance_id)
        if isinstance(event, ev.ExecutionTerminated):
            self._batch.terminates.append(record)

    def _deliver(
        self, message: Message, *, sender: Record | None = None, handed_down: bytes | None = None
    ) -> bool:
        """Carry a message to its instance.  False if no active instance has the id."""
        event = message.event
        record = self.records.get(message.to)
        if isinstance(event, ev.ExecutionStarted):
            if record is not None and not record.ended:
                self._conflict(event, sender)
                return False
            self._create(event, handed_down)
            return True
        if record is None or record.ended:
            return False
        if message.execution_id and record.state.execution_id != message.execution_id:
            log.info("%s: dropped %s, meant for an earlier execution", message.to, type(event).__name__)
            return True
        self._put(record, event, event_to_bytes(event))
        return True

    def _conflict(self, event: ev.ExecutionStarted, sender: Record | None) -> None:
        """An orchestration asked for a child or a detached instance whose id is taken."""
        log.warning("an instance %r is active already; it was not started again", event.instance_id)
        if sender is None or sender.ended or event.parent is None:
            return
        failure = FailureDetails(
            "OrchestrationAlreadyExists",
            f"an orchestration instance with id {event.instance_id!r} is active already. Expected a free id for the"
            f" child {event.name!r} of {sender.instance_id!r}. Choose another instance id.",
            non_retriable=True,
        )
        answer = ev.ChildFailed(NO_ID, event.timestamp, event.parent.task_scheduled_id, failure)
        self._put(sender, answer, event_to_bytes(answer))

    def terminate_children(self, instance_id: str, event: ev.ExecutionTerminated) -> None:
        """Terminate what an instance that has ended left running."""
        for child in sorted(self._children.get(instance_id, ())):
            self._deliver(Message(child, replace(event)))

    # -- time ----------------------------------------------------------------------------------------------------------

    def next_due(self) -> int | None:
        """When the next timer or scheduled start is due, in nanoseconds; None if none is set."""
        return self._due[0][0] if self._due else None

    def fire_due(self) -> None:
        """Do what is due by now."""
        now = self._now()
        while self._due and self._due[0][0] <= now:
            fire_at, _, instance_id, timer_id = heapq.heappop(self._due)
            record = self.records.get(instance_id)
            if record is None:
                continue
            if timer_id is None:
                record.starts_at = None
                self._batch.ready.add(instance_id)
            elif record.timers.get(timer_id) == fire_at:
                del record.timers[timer_id]
                self._batch.changes.append(abc.RemoveTimer(instance_id, timer_id))
                event = ev.TimerFired(NO_ID, now, timer_id, fire_at)
                self._put(record, event, event_to_bytes(event))

    def _set_timer(self, record: Record, timer: ev.TimerCreated, now: int) -> None:
        if timer.fire_at >= NEVER:
            return
        if timer.fire_at <= now:
            event = ev.TimerFired(NO_ID, now, timer.event_id, timer.fire_at)
            self._put(record, event, event_to_bytes(event))
            return
        record.timers[timer.event_id] = timer.fire_at
        self._batch.changes.append(abc.AddTimer(record.instance_id, timer.event_id, timer.fire_at))
        self._arm(record.instance_id, timer.event_id, timer.fire_at)

    def _arm(self, instance_id: str, timer_id: int, fire_at: int) -> None:
        heapq.heappush(self._due, (fire_at, self._next(), instance_id, timer_id))

    def _start_later(self, record: Record, at: int) -> None:
        record.starts_at = at
        heapq.heappush(self._due, (at, self._next(), record.instance_id, None))
