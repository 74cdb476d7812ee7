"""Which work item goes to which stream: plain functions, no waiting.

- A stream has a short outbox; whatever does not fit waits in the shared queues, so a stream whose reader stops holds
  back what is in its outbox and nothing else.
- An item goes to the stream that has the fewest unanswered ones.  A turn prefers the stream that rendezvous hashing
  gives its instance among those that keep history between turns; if that one is full, any other takes it, with the
  whole history.
- A turn is planned when a stream takes it, not when it becomes ready: everything that arrived meanwhile is in it.
- An item has a token per dispatch.  When a stream is lost, its unanswered items are queued again; until they are given
  out again the old token stays good, so that a worker which only lost its connection can still answer.
- A terminate waits for the turn that is out, but not for ever: see `terminate_overdue`.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Callable
from dataclasses import dataclass, field
from hashlib import blake2b

from trio_durable._wire.requests import ActivityResult, TurnResult
from trio_durable._wire.splice import activity_item, turn_item
from trio_durable.sidecar import refusals
from trio_durable.sidecar.hub import Hub
from trio_durable.sidecar.records import ActivityTask, Record, TurnInFlight

__all__ = ["OUTBOX", "Dispatcher", "WorkStream"]

log = logging.getLogger("trio_durable.sidecar")

#: Items that may wait in one stream's outbox for its writer.
OUTBOX = 64


@dataclass(eq=False)
class WorkStream:
    """One worker's open GetWorkItems call.

    wake: called when the outbox has something.  app_id: whose work it takes.  keeps_history: the worker keeps committed
    history between turns; `warm` is how many events of an execution it was sent.
    """

    number: int
    wake: Callable[[], None]
    keeps_history: bool = False
    app_id: str = ""
    outbox: deque[bytes] = field(default_factory=deque)
    turns: dict[str, Record] = field(default_factory=dict)  # by token, as activities
    activities: dict[str, ActivityTask] = field(default_factory=dict)
    warm: dict[tuple[str, str | None], int] = field(default_factory=dict)

    @property
    def load(self) -> int:
        return len(self.turns) + len(self.activities)


class Dispatcher:
    """The queues and the streams of one sidecar.

    epoch: distinguishes this run's tokens from every other run's.
    """

    def __init__(self, hub: Hub, *, epoch: str) -> None:
        self._hub = hub
        self._epoch = epoch
        self._numbers = 0
        self._tokens = 0
        # Per app: the work of an app whose workers are away must not hold back another's.
        self._turns: dict[str, deque[str]] = {}
        self._queued: set[str] = set()
        self._activities: dict[str, deque[ActivityTask]] = {}
        self._declined: dict[str, set[int]] = {}  # instance -> streams that lack its version
        self.streams: dict[int, WorkStream] = {}

    # -- streams -----------------------------------------------------------------------------------------------------

    def connect(self, wake: Callable[[], None], *, keeps_history: bool = False, app_id: str = "") -> WorkStream:
        """A worker of an app offers itself."""
        self._numbers += 1
        stream = WorkStream(self._numbers, wake, keeps_history, app_id)
        self.streams[stream.number] = stream
        for instance_id in self._hub.unstall():
            self.turn_ready(instance_id)
        return stream

    def disconnect(self, stream: WorkStream) -> None:
        """The stream is lost: what it was given and did not answer goes back to the head of the queues."""
        self.streams.pop(stream.number, None)
        for task in reversed(stream.activities.values()):
            task.stream = None
            self._activities.setdefault(task.app_id, deque()).appendleft(task)
        for record in reversed(stream.turns.values()):
            instance_id = record.instance_id
            if record.turn is not None and record.turn.stream == stream.number:
                record.turn.stream = None
                if instance_id not in self._queued:
                    self._queued.add(instance_id)
                    self._turns.setdefault(record.app_id, deque()).appendleft(instance_id)
        stream.turns.clear()
        stream.activities.clear()
        for declined in self._declined.values():
            declined.discard(stream.number)

    def turn_ready(self, instance_id: str) -> None:
        """The instance, whose history is in memory, has something to do."""
        if instance_id not in self._queued:
            self._queued.add(instance_id)
            record = self._hub.records.get(instance_id)
            self._turns.setdefault("" if record is None else record.app_id, deque()).append(instance_id)

    def activity_ready(self, task: ActivityTask) -> None:
        self._activities.setdefault(task.app_id, deque()).append(task)

    # -- giving out --------------------------------------------------------------------------------------------------

    def assign(self) -> None:
        """Fill the outboxes."""
        for app_id, turns in self._turns.items():
            while turns:
                stream = self._stream_for(turns[0], app_id)
                if stream is None:
                    break
                instance_id = turns.popleft()
                self._queued.discard(instance_id)
                self._give_turn(instance_id, stream)
        for app_id, activities in self._activities.items():
            while activities:
                stream = self._least_loaded(app_id)
                if stream is None:
                    break
                self._give_activity(activities.popleft(), stream)

    def _give_turn(self, instance_id: str, stream: WorkStream) -> None:
        record = self._hub.records.get(instance_id)
        if record is None:
            return
        if record.turn is not None:
            if record.turn.stream is not None:
                return
            record.turn = None  # its stream was lost; plan anew, with what has arrived since
        turn = self._hub.begin(instance_id)
        if turn is None:
            return
        turn.token = self._token()
        turn.stream = stream.number
        stream.turns[turn.token] = record
        stream.outbox.append(self._turn_bytes(record, turn, stream))
        stream.wake()

    def _turn_bytes(self, record: Record, turn: TurnInFlight, stream: WorkStream) -> bytes:
        execution_id = record.state.execution_id
        past = record.history
        cached = None
        if stream.keeps_history:
            key = (record.instance_id, execution_id)
            held = stream.warm.get(key, 0)
            if held:
                cached = held
                past = _after(past, held)
            stream.warm[key] = record.events
        new = [turn.encoded[id(event)] for event in turn.plan.events]
        return turn_item(
            record.instance_id,
            execution_id,
            [data for _, data in past],
            new,
            turn.token,
            cached=cached,
            handed_down=record.handed_down,
        )

    def _give_activity(self, task: ActivityTask, stream: WorkStream) -> None:
        if task.stream is not None or not self._hub.is_waiting(task):
            return
        task.token = self._token()
        task.stream = stream.number
        stream.activities[task.token] = task
        stream.outbox.append(activity_item(task.request(), task.token, handed_down=task.handed_down))
        stream.wake()

    def _token(self) -> str:
        self._tokens += 1
        return f"{self._epoch}-{self._tokens}"

    def _streams_of(self, app_id: str) -> list[WorkStream]:
        return [stream for stream in self.streams.values() if stream.app_id == app_id]

    def _stream_for(self, instance_id: str, app_id: str) -> WorkStream | None:
        declined = self._declined.get(instance_id, ())
        streams = self._streams_of(app_id)
        if declined and all(stream.number in declined for stream in streams):
            del self._declined[instance_id]
            declined = ()
        free = [s for s in streams if len(s.outbox) < OUTBOX and s.number not in declined]
        if len(free) > 1:
            keepers = [s for s in streams if s.keeps_history and s.number not in declined]
            if keepers:
                owner = max(keepers, key=lambda s: _score(instance_id, s.number))
                if owner in free:
                    return owner
        return min(free, key=lambda s: (s.load, s.number), default=None)

    def _least_loaded(self, app_id: str) -> WorkStream | None:
        free = [stream for stream in self._streams_of(app_id) if len(stream.outbox) < OUTBOX]
        return min(free, key=lambda stream: (stream.load, stream.number), default=None)

    # -- answers -----------------------------------------------------------------------------------------------------

    def complete_turn(self, result: TurnResult) -> None:
        """Carry out a turn's answer.  Raises NOT_FOUND if none waits for one; another token's answer is dropped."""
        instance_id = result.instance_id
        self._release(result.completion_token)
        record = self._hub.records.get(instance_id)
        turn = None if record is None else record.turn
        if record is None or turn is None or not turn.token:
            raise refusals.unknown_item("turn", instance_id)
        if result.completion_token not in ("", turn.token):
            log.info("%s: dropped a stale answer to a turn", instance_id)
            return
        self._release(turn.token)
        execution_id = record.state.execution_id
        if not self._hub.complete(record, turn, result):
            self._decline(record, turn.stream)
            return
        self._declined.pop(instance_id, None)
        if turn.stream in self.streams and (record.ended or record.state.execution_id != execution_id):
            self.streams[turn.stream].warm.pop((instance_id, execution_id), None)

    def _decline(self, record: Record, stream: int | None) -> None:
        """The worker lacks the instance's version: try the others, then wait for one that has it."""
        declined = self._declined.setdefault(record.instance_id, set())
        if stream is not None:
            declined.add(stream)
        if any(each.number not in declined for each in self._streams_of(record.app_id)):
            self.turn_ready(record.instance_id)
        else:
            del self._declined[record.instance_id]
            self._hub.stall(record)

    def complete_activity(self, result: ActivityResult) -> None:
        """Record an activity's answer.  Raises NOT_FOUND if none waits for one; another token's answer is dropped."""
        self._release(result.completion_token)
        token = self._hub.complete_activity(result)
        self._release(token)

    def _release(self, token: str) -> None:
        """The stream that was given this item has answered it."""
        if token:
            for stream in self.streams.values():
                stream.turns.pop(token, None)
                stream.activities.pop(token, None)

    def terminate_unattended(self, instance_id: str) -> None:
        """With no worker connected there is nobody to ask: a terminate that waits takes effect at once."""
        if self.streams or not self._hub.wants_termination(instance_id):
            return
        self._hub.terminate(self._hub.records[instance_id])

    def terminate_overdue(self, record: Record) -> None:
        """No worker has answered a terminate in time: end the instance without one, whoever holds its turn."""
        turn = record.turn
        if turn is not None:
            log.warning("%s: its turn is out and not answered; terminated without the worker", record.instance_id)
            self._release(turn.token)
            if turn.stream in self.streams:
                self.streams[turn.stream].warm.pop((record.instance_id, record.state.execution_id), None)
        self._hub.terminate(record)


def _after(history: list[tuple[int, bytes]], held: int) -> list[tuple[int, bytes]]:
    """The turns after the first `held` events; a worker is only ever sent whole turns."""
    at = 0
    for index, (count, _) in enumerate(history):
        if at == held:
            return history[index:]
        at += count
    return []


def _score(instance_id: str, number: int) -> bytes:
    return blake2b(f"{number}/{instance_id}".encode(), digest_size=8).digest()
