"""Every decision about instances, in plain functions over what is in memory.

A decision changes memory at once and writes what it did into the open `Batch`.  Nobody outside learns of it before the
batch is committed: readers see `Record.visible`, workers are offered only what committed batches hold, and the service
sends no answer before the batch that holds its reason.  If a commit fails, memory is ahead of the store for good, and
the sidecar stops.

The hub knows no stream and no socket (`dispatch` does), waits for nothing and reads no store: an instance whose history
is not in memory has to be brought by `load` before `begin`.
"""

from __future__ import annotations

import heapq
import logging
from collections.abc import Callable, Iterable
from dataclasses import replace
from itertools import islice

from trio_durable import abc
from trio_durable._core import events as ev
from trio_durable._core.carrying_out import NO_ID, Message, Outcome
from trio_durable._core.events import Event, Router, Status, app_of
from trio_durable._core.failures import FailureDetails
from trio_durable._core.instance import Instance, TurnPlan
from trio_durable._core.ledger import ANSWERS
from trio_durable._core.rerun import RerunError, rerun
from trio_durable._wire.dialects import ReuseAction, ReusePolicy
from trio_durable._wire.events import event_to_bytes
from trio_durable._wire.propagation import HistoryChunk, child_scopes, hand_down
from trio_durable._wire.requests import ActivityResult, TurnResult
from trio_durable._wire.splice import events_in, frame_past, pack_task, split_past
from trio_durable._wire.states import (
    CreateInstance,
    InstanceState,
    started_from_create,
    state_from_bytes,
    state_to_bytes,
)
from trio_durable.sidecar import refusals
from trio_durable.sidecar.records import ActivityTask, Batch, InboxEntry, Record, TurnInFlight

__all__ = ["Hub"]

log = logging.getLogger("trio_durable.sidecar")

#: Executions that follow each other without hearing anything new: after so many, each next one waits this long.
TIGHT_GENERATIONS = 20
TIGHT_DELAY = 100_000_000  # nanoseconds

WARM_INSTANCES = 10_000

#: Timers at or beyond this never fire (the year 2262; the sentinel of indefinite waits is far beyond it).
NEVER = 2**63


class Hub:
    """The instances of one sidecar.

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

    # -- commits -----------------------------------------------------------------------------------------------------

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

    # -- recovery ----------------------------------------------------------------------------------------------------

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

    # -- what clients ask for ----------------------------------------------------------------------------------------

    def start(
        self,
        create: CreateInstance,
        *,
        stored: InstanceState | None = None,
        policy: ReusePolicy | None = None,
        app_id: str = "",
    ) -> str:
        """Create an instance of the app; returns its id.  Raises ALREADY_EXISTS.

        stored: the ended instance of this id that the store knows of, where the caller looked.
        policy: what an older client wants done with an instance of this id.
        """
        instance_id = create.instance_id or self._new_id()
        existing = self.records.get(instance_id)
        ended = existing.state if existing is not None else stored
        if policy is not None and ended is not None:
            action = policy.decide(ended.status)
            if action is ReuseAction.ERROR:
                raise refusals.already_exists(instance_id, ended.status, why=", which the reuse policy forbids")
            if action is ReuseAction.IGNORE:
                return instance_id
        elif existing is not None and not existing.ended:
            raise refusals.already_exists(instance_id, existing.state.status)
        if ended is not None and create.enforce_unique:
            raise refusals.already_exists(instance_id, ended.status, why=", and the request asks for a unique id")
        for child in sorted(self._children.get(instance_id, ())):
            if not self.records[child].ended:
                why = f", but its child {child!r} has not ended"
                raise refusals.already_exists(instance_id, Status.RUNNING if ended is None else ended.status, why=why)
        event = started_from_create(
            create, instance_id=instance_id, execution_id=create.execution_id or self._new_id(), now=self._now()
        )
        target = None if create.router is None else create.router.target_app_id
        if app_id or target:
            event.router = Router(app_id, target)
        self._create(event)
        return instance_id

    def rerun(
        self,
        source: InstanceState,
        history: list[Event],
        event_id: int,
        new_instance_id: str,
        payload: str | None,
        *,
        overwrite: bool,
        new_child_instance_id: str = "",
    ) -> str:
        """Start an instance with `source`'s history up to an event; its id.  Raises NOT_FOUND, FAILED_PRECONDITION."""
        instance_id = new_instance_id or self._new_id()
        now = self._now()
        try:
            outcome = rerun(
                history,
                event_id,
                instance_id=instance_id,
                execution_id=self._new_id(),
                child_execution_id=self._new_id(),
                now=now,
                input=payload,
                overwrite_input=overwrite,
                new_child_instance_id=new_child_instance_id,
            )
        except RerunError as error:
            raise refusals.cannot_rerun(source.instance_id, str(error), found=error.found) from error
        started = next(event for event in outcome.history if isinstance(event, ev.ExecutionStarted))
        record = self._new_record(replace(started, timestamp=now))
        record.instance = Instance.restore(instance_id, outcome.history, custom_status=source.custom_status)
        self._append(record, TurnInFlight(TurnPlan(), {}, 0), outcome, now)
        record.batch = self._batch.number
        return instance_id

    def send(self, instance_id: str, event: Event) -> bool:
        """Put `event` into the instance's inbox.  False if no active instance has this id."""
        return self._deliver(Message(instance_id, event))

    def terminate_children(self, instance_id: str, event: ev.ExecutionTerminated) -> None:
        """Terminate what an instance that has ended left running."""
        for child in sorted(self._children.get(instance_id, ())):
            self._deliver(Message(child, replace(event)))

    def active_children(self, instance_id: str) -> list[Record]:
        """Children of the instance, of whatever execution, that have not ended."""
        children = (self.records.get(child) for child in sorted(self._children.get(instance_id, ())))
        return [child for child in children if child is not None and not child.ended]

    def purge(self, instance_ids: Iterable[str]) -> None:
        """Delete instances, active ones too."""
        for instance_id in instance_ids:
            record = self.records.get(instance_id)
            if record is None:
                record = Record(instance_id, InstanceState(instance_id, "", Status.CANCELED))
            else:
                record.state = replace(record.state, status=Status.CANCELED)
                self._forget(record)
            record.turn = None
            self.activities.pop(instance_id, None)
            self._batch.changes.append(abc.DeleteInstance(instance_id))
            self._batch.touched[instance_id] = (record, None)

    # -- turns -------------------------------------------------------------------------------------------------------

    def begin(self, instance_id: str) -> TurnInFlight | None:
        """Plan the next turn over every committed event; None if there is nothing to run."""
        if not self.is_ready(instance_id):
            return None
        record = self.records[instance_id]
        assert record.instance is not None
        entries = [entry for entry in record.inbox if entry.batch <= self._committed]
        plan = record.instance.begin([entry.event for entry in entries], now=self._now())
        if not plan.events:
            if plan.taken:
                self._drop(record, plan.taken)
            return None
        encoded = {id(entry.event): entry.data for entry in entries}
        encoded[id(plan.events[0])] = event_to_bytes(plan.events[0])
        record.turn = TurnInFlight(plan, encoded, entries[plan.taken - 1].sequence)
        return record.turn

    def _drop(self, record: Record, count: int) -> None:
        for _ in range(count):
            last = record.inbox.popleft()
        self._batch.changes.append(abc.TakeInbox(record.instance_id, last.sequence))

    def wants_termination(self, instance_id: str) -> bool:
        """Whether a committed terminate waits, which no worker need be asked about."""
        record = self.records.get(instance_id)
        return record is not None and any(
            entry.batch <= self._committed and isinstance(entry.event, ev.ExecutionTerminated)
            for entry in record.inbox
        )

    def terminate(self, record: Record) -> bool:
        """Carry out the terminate that waits, without a worker.  False if the last turn has yet to be committed.

        A turn that is out counts as never given: its events are in this one, and its answer, if one comes, is late.
        """
        record.turn = None
        record.stalled = False
        record.starts_at = None
        record.not_before = 0
        turn = self.begin(record.instance_id)
        return turn is not None and self.complete(
            record, turn, TurnResult(record.instance_id, [], record.state.custom_status)
        )

    def complete(self, record: Record, turn: TurnInFlight, result: TurnResult) -> bool:
        """Carry out the answer to `turn`.  False if no worker at hand can run it: then it has to be tried elsewhere."""
        assert record.instance is not None
        assert record.turn is turn
        now = self._now()
        outcome = record.instance.complete(
            turn.plan,
            result.actions,
            now=now,
            new_id=self._new_id,
            custom_status=result.custom_status,
            version=result.version,
            patches=result.patches,
        )
        record.turn = None
        if outcome.stalled is not None:
            return False
        while record.inbox and record.inbox[0].sequence <= turn.last_sequence:
            record.inbox.popleft()
        if outcome.continued:
            self._continue(record, outcome, now)
        else:
            self._append(record, turn, outcome, now)
        if record.inbox:
            self._batch.ready.add(record.instance_id)
        record.batch = self._batch.number
        self._warm.pop(record.instance_id, None)
        self._warm[record.instance_id] = record
        return True

    def stall(self, record: Record) -> None:
        """No connected worker can run the instance's turn: say so, and wait for another worker."""
        record.stalled = True
        log.warning("%s: no connected worker can run its turn; it waits for another", record.instance_id)
        record.state = replace(record.state, status=Status.STALLED, last_updated_at=self._now())
        self._save(record)

    def unstall(self) -> list[str]:
        """A worker came: what is stalled may be tried again.  Returns the ids of the instances that are ready."""
        stalled = [record for record in self.records.values() if record.stalled]
        for record in stalled:
            record.stalled = False
        return [record.instance_id for record in stalled if self.is_ready(record.instance_id)]

    def _append(self, record: Record, turn: TurnInFlight, outcome: Outcome, now: int) -> None:
        changes = self._batch.changes
        instance_id = record.instance_id
        encoded = [turn.encoded.get(id(event)) or event_to_bytes(event) for event in outcome.history]
        data = b"".join(map(frame_past, encoded))
        changes.append(abc.TakeInbox(instance_id, turn.last_sequence))
        changes.append(abc.AppendHistory(instance_id, record.events, len(encoded), data))
        record.history.append((len(encoded), data))
        record.events += len(encoded)

        instance = record.instance
        assert instance is not None
        ended = instance.completed
        record.state = replace(
            record.state,
            status=instance.status,
            last_updated_at=now,
            started_at=record.state.started_at if record.state.started_at is not None else instance.started_at,
            version=instance.version,
            custom_status=instance.custom_status,
            output=None if ended is None else ended.result,
            failure=None if ended is None else ended.failure,
            completed_at=instance.completed_at,
        )
        execution_id = record.state.execution_id or ""
        by_event = {id(event): data for event, data in zip(outcome.history, encoded, strict=True)}
        for task in outcome.tasks:
            self._sequence += 1
            data = pack_task(by_event[id(task)], self._handed_down(record, task.history_scope))
            changes.append(abc.AddActivity(instance_id, self._sequence, execution_id, data))
            activity = ActivityTask(instance_id, self._sequence, execution_id, data, task)
            self._add_activity(activity)
        if ended is None:
            for timer in outcome.timers:
                self._set_timer(record, timer, now)
        self._save(record)
        scopes = child_scopes(outcome.history)
        for message in outcome.messages:
            parent = message.event.parent if isinstance(message.event, ev.ExecutionStarted) else None
            scope = None if parent is None else scopes.get(parent.task_scheduled_id)
            self._deliver(message, sender=record, handed_down=self._handed_down(record, scope))
        if ended is not None:
            left = [entry.event for entry in record.inbox]
            record.inbox.clear()
            record.timers.clear()
            for event in left:
                if isinstance(event, ev.ExecutionTerminated) and event.recurse:
                    self.terminate_children(instance_id, event)

    def _handed_down(self, record: Record, scope: int | None) -> bytes | None:
        """What a call with this scope is shown of the histories above, as they are now."""
        if not scope:
            return None
        events = tuple(event for _, data in record.history for event in split_past(data))
        own = HistoryChunk(record.app_id, record.instance_id, record.state.name, events)
        return hand_down(scope, own, record.handed_down)

    def _continue(self, record: Record, outcome: Outcome, now: int) -> None:
        """The instance starts over with what the turn carried over, followed by what arrived meanwhile."""
        assert record.instance is not None
        started = outcome.inbox[0]
        assert isinstance(started, ev.ExecutionStarted)
        self._batch.changes.append(abc.ClearExecution(record.instance_id, started.input))
        later = [entry for entry in record.inbox if type(entry.event) not in ANSWERS]
        record.inbox.clear()
        record.timers.clear()
        record.history = []
        record.events = 0
        record.state = replace(
            record.state,
            status=Status.RUNNING,
            last_updated_at=now,
            input=started.input,
            version=started.version,
            execution_id=started.execution_id,
            custom_status=record.instance.custom_status,
        )
        self._save(record)
        for event in outcome.inbox:
            self._put(record, event, event_to_bytes(event))
        for entry in later:
            self._put(record, entry.event, entry.data)
        if record.instance.tight_generations > TIGHT_GENERATIONS:
            record.not_before = now + TIGHT_DELAY
            heapq.heappush(self._due, (record.not_before, self._next(), record.instance_id, None))

    # -- activities --------------------------------------------------------------------------------------------------

    def complete_activity(self, result: ActivityResult) -> str:
        """Record an activity's answer.  Raises NOT_FOUND if none waits; an answer with another token is dropped.

        Returns the token of the dispatch that it answers, "" if it was dropped.
        """
        by_id = self.activities.get(result.instance_id, {})
        tasks = by_id.get(result.task_id)
        if not tasks:
            raise refusals.unknown_item(f"activity #{result.task_id}", result.instance_id)
        token = result.completion_token
        task = next((task for task in reversed(tasks) if task.token and token in ("", task.token)), None)
        if task is None:
            log.info("%s: dropped a stale answer to activity #%d", result.instance_id, result.task_id)
            return ""
        tasks.remove(task)
        if not tasks:
            del by_id[result.task_id]
            if not by_id:
                del self.activities[result.instance_id]
        token, task.token = task.token, ""
        self._batch.changes.append(abc.RemoveActivity(task.sequence))
        now = self._now()
        event: Event
        execution = task.scheduled.task_execution_id
        if result.failure is not None:
            event = ev.TaskFailed(NO_ID, now, result.task_id, result.failure, execution)
        else:
            event = ev.TaskCompleted(NO_ID, now, result.task_id, result.result, execution)
        self._deliver(Message(task.instance_id, event, task.execution_id))
        return token

    def is_waiting(self, task: ActivityTask) -> bool:
        """Whether the activity has neither been answered nor purged."""
        return task in self.activities.get(task.instance_id, {}).get(task.scheduled.event_id, ())

    def _add_activity(self, task: ActivityTask) -> None:
        self.activities.setdefault(task.instance_id, {}).setdefault(task.scheduled.event_id, []).append(task)
        self._batch.activities.append(task)

    # -- time --------------------------------------------------------------------------------------------------------

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

    # -- the small print ---------------------------------------------------------------------------------------------

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
