"""Every decision about instances, in plain functions over what is in memory.

    memory      what is kept, what of it is committed, mail between instances, timers
    turns       what workers are asked, and what their answers do
    here        what clients ask for

The hub knows no stream and no socket (`dispatch` does), waits for nothing and reads no store: an instance whose history
is not in memory has to be brought by `load` before `begin`.  The service sends no answer before the batch that holds
its reason is committed.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import replace

from trio_durable import abc
from trio_durable._core import events as ev
from trio_durable._core.carrying_out import Message
from trio_durable._core.events import Event, Router, Status
from trio_durable._core.instance import Instance, TurnPlan
from trio_durable._core.rerun import RerunError, rerun
from trio_durable._wire.dialects import ReuseAction, ReusePolicy
from trio_durable._wire.states import CreateInstance, InstanceState, started_from_create
from trio_durable.sidecar import refusals
from trio_durable.sidecar.records import Record, TurnInFlight
from trio_durable.sidecar.turns import Turns

__all__ = ["Hub"]


class Hub(Turns):
    """The instances of one sidecar, and what may be done with them."""

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
        handed_down: bytes | None = None,
    ) -> str:
        """Start an instance with `source`'s history up to an event; its id.  Raises NOT_FOUND, FAILED_PRECONDITION.

        handed_down: what the source was shown of the histories above; its code may ask for it again.
        """
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
        record = self._new_record(replace(started, timestamp=now), handed_down)
        record.instance = Instance.restore(instance_id, outcome.history, custom_status=source.custom_status)
        self._append(record, TurnInFlight(TurnPlan(), {}, 0), outcome, now)
        record.batch = self._batch.number
        return instance_id

    def send(self, instance_id: str, event: Event) -> bool:
        """Put `event` into the instance's inbox.  False if no active instance has this id."""
        return self._deliver(Message(instance_id, event))

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
