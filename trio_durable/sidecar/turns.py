"""Turns and activities: what a worker is asked, and what its answer does."""

from __future__ import annotations

import heapq
import logging
from dataclasses import replace

from trio_durable import abc
from trio_durable._core import events as ev
from trio_durable._core.carrying_out import NO_ID, Message, Outcome
from trio_durable._core.events import Event, Status
from trio_durable._core.ledger import ANSWERS
from trio_durable._wire.events import event_to_bytes
from trio_durable._wire.propagation import HistoryChunk, child_scopes, hand_down
from trio_durable._wire.requests import ActivityResult, TurnResult
from trio_durable._wire.splice import frame_past, pack_task, split_past
from trio_durable.sidecar import refusals
from trio_durable.sidecar.memory import Memory
from trio_durable.sidecar.records import ActivityTask, Record, TurnInFlight

__all__ = ["Turns"]

log = logging.getLogger("trio_durable.sidecar")

#: Executions that follow each other without hearing anything new: after so many, each next one waits this long.
TIGHT_GENERATIONS = 20
TIGHT_DELAY = 100_000_000  # nanoseconds


class Turns(Memory):
    """The part of the hub that plans turns and carries answers out."""

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

    # -- activities ----------------------------------------------------------------------------------------------------

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
