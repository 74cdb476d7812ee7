"""A store that forgets: for tests, and for sidecars that need not survive their process."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

from trio_durable import abc

__all__ = ["MemoryStore"]


@dataclass(slots=True)
class _Kept:
    row: abc.StoredInstance
    history: list[tuple[int, bytes]] = field(default_factory=list)
    inbox: dict[int, bytes] = field(default_factory=dict)
    timers: dict[int, int] = field(default_factory=dict)


class MemoryStore:
    """The plainest `Store`.  `commit` never fails half-way: a change that fits nothing is ignored, as SQL would."""

    blocking = False

    def __init__(self) -> None:
        self._kept: dict[str, _Kept] = {}
        self._activities: dict[int, abc.StoredActivity] = {}
        self.commits = 0

    def commit(self, changes: Sequence[abc.Change]) -> None:
        self.commits += 1
        for change in changes:
            self._make(change)

    def _make(self, change: abc.Change) -> None:
        match change:
            case abc.CreateInstance(instance_id, parent_id, state, payload, handed_down):
                self._delete(instance_id)
                row = abc.StoredInstance(instance_id, parent_id, True, state, payload, handed_down)
                self._kept[instance_id] = _Kept(row)
                return
            case abc.DeleteInstance(instance_id):
                self._delete(instance_id)
                return
            case abc.AddActivity(instance_id, sequence, execution_id, data):
                self._activities[sequence] = abc.StoredActivity(instance_id, sequence, execution_id, data)
                return
            case abc.RemoveActivity(sequence):
                self._activities.pop(sequence, None)
                return
        kept = self._kept.get(change.instance_id)
        if kept is None:
            return
        match change:
            case abc.UpdateInstance(_, active, state):
                kept.row = replace(kept.row, active=active, state=state)
                if not active:
                    kept.inbox.clear()
                    kept.timers.clear()
            case abc.ClearExecution(_, payload):
                kept.row = replace(kept.row, input=payload)
                kept.history.clear()
                kept.inbox.clear()
                kept.timers.clear()
            case abc.AppendHistory(_, _, count, data):
                kept.history.append((count, data))
            case abc.AddInbox(_, sequence, data):
                kept.inbox[sequence] = data
            case abc.TakeInbox(_, sequence):
                for taken in [number for number in kept.inbox if number <= sequence]:
                    del kept.inbox[taken]
            case abc.AddTimer(_, timer_id, fire_at):
                kept.timers[timer_id] = fire_at
            case abc.RemoveTimer(_, timer_id):
                kept.timers.pop(timer_id, None)

    def _delete(self, instance_id: str) -> None:
        if self._kept.pop(instance_id, None) is None:
            return
        for sequence in [n for n, activity in self._activities.items() if activity.instance_id == instance_id]:
            del self._activities[sequence]

    def recover(self) -> abc.Snapshot:
        active = [kept for kept in self._kept.values() if kept.row.active]
        inbox = [
            abc.StoredEvent(kept.row.instance_id, sequence, data)
            for kept in active
            for sequence, data in kept.inbox.items()
        ]
        return abc.Snapshot(
            instances=[kept.row for kept in active],
            inbox=sorted(inbox, key=lambda event: event.sequence),
            activities=sorted(self._activities.values(), key=lambda activity: activity.sequence),
            timers=[
                abc.StoredTimer(kept.row.instance_id, timer_id, fire_at)
                for kept in active
                for timer_id, fire_at in kept.timers.items()
            ],
        )

    def instance(self, instance_id: str) -> abc.StoredInstance | None:
        kept = self._kept.get(instance_id)
        return None if kept is None else kept.row

    def history(self, instance_id: str) -> list[tuple[int, bytes]]:
        kept = self._kept.get(instance_id)
        return [] if kept is None else list(kept.history)

    def children(self, instance_id: str) -> list[str]:
        return [kept.row.instance_id for kept in self._kept.values() if kept.row.parent_id == instance_id]

    def instance_ids(self, *, after: str | None, limit: int) -> list[str]:
        return sorted(number for number in self._kept if after is None or number > after)[:limit]

    def close(self) -> None:
        """Nothing to give up; what was stored stays readable."""
