"""Running a history again from one of its events: the service half of `RerunWorkflowFromEvent`.

The rules:

1. A rerun begins at an event that asked for something: an activity, a child orchestration, a timer.
2. The new instance has the old one's history up to the end of the turn that asked.  What was asked for by then and not
   answered, the event itself among it, is asked for again; what was answered stays answered.
3. Only the event's own input may be another one: what the code did before is in history, and has to replay.
4. The new instance has no parent.  Its children get ids of their own where the old ones' were made from the parent's;
   its timers run as long as the old ones did, counted from now.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from trio_durable._core import clock
from trio_durable._core import events as ev
from trio_durable._core.carrying_out import NO_ID, Message, Outcome, child_instance_id
from trio_durable._core.events import Event
from trio_durable._core.ledger import ANSWERS, CONFIRMS, answered_id

__all__ = ["RerunError", "rerun"]

_FROM = (ev.TaskScheduled, ev.ChildCreated, ev.TimerCreated)
_END = (ev.ExecutionCompleted, ev.ExecutionTerminated, ev.OrchestratorCompleted)


class RerunError(Exception):
    """The history cannot be run again from there; says why.  found: whether it has such an event at all."""

    def __init__(self, message: str, *, found: bool) -> None:
        super().__init__(message)
        self.found = found


def rerun(
    history: Sequence[Event],
    event_id: int,
    *,
    instance_id: str,
    execution_id: str,
    child_execution_id: str,
    now: int,
    input: str | None = None,
    overwrite_input: bool = False,
    new_child_instance_id: str = "",
) -> Outcome:
    """The new instance's history, and what is to be asked for on its behalf.  Raises RerunError.

    child_execution_id: what the execution ids of new children begin with.  new_child_instance_id: the id of the child
    that the event asked for, if it is not to be made as ever.
    """
    position = next(
        (at for at, event in enumerate(history) if isinstance(event, _FROM) and event.event_id == event_id), None
    )
    if position is None:
        raise RerunError(
            f"the history has no activity, child orchestration or timer with the event id {event_id}", found=False
        )
    if overwrite_input and isinstance(history[position], ev.TimerCreated):
        raise RerunError(f"event {event_id} is a timer, which has no input to overwrite", found=True)
    end = position + 1
    while end < len(history) and not isinstance(history[end], ev.OrchestratorStarted):
        end += 1
    kept = [event for event in history[:end] if not isinstance(event, _END)]
    answered = {(ANSWERS[type(event)], answered_id(event)) for event in kept if type(event) in ANSWERS}
    outcome = Outcome()
    started: ev.ExecutionStarted | None = None
    for event in kept:
        if isinstance(event, ev.ExecutionStarted):
            event = started = replace(event, instance_id=instance_id, execution_id=execution_id, parent=None)
        elif isinstance(event, _FROM) and (CONFIRMS[type(event)].kind, event.event_id) not in answered:
            if event.event_id == event_id and overwrite_input and not isinstance(event, ev.TimerCreated):
                event = replace(event, input=input)
            if event.event_id == event_id and new_child_instance_id and isinstance(event, ev.ChildCreated):
                event = replace(event, instance_id=new_child_instance_id)
            event = _again(outcome, event, started, instance_id, f"{child_execution_id}{event.event_id}", now)
        outcome.history.append(event)
    return outcome


def _again(
    outcome: Outcome, event: Event, started: ev.ExecutionStarted | None, instance_id: str, execution_id: str, now: int
) -> Event:
    """Ask once more for what `event` asked for; the event as the new history has it."""
    if isinstance(event, ev.TaskScheduled):
        outcome.tasks.append(event)
    elif isinstance(event, ev.TimerCreated):
        if event.fire_at != clock.FOREVER:
            event = replace(event, fire_at=now + max(event.fire_at - event.timestamp, 0))
        outcome.timers.append(event)
    elif isinstance(event, ev.ChildCreated):
        # An id that was made from the old parent's belongs to the old child.
        if event.instance_id.endswith(child_instance_id("", event.event_id)):
            event = replace(event, instance_id=child_instance_id(instance_id, event.event_id))
        parent = ev.ParentInstance(
            task_scheduled_id=event.event_id,
            instance_id=instance_id,
            execution_id=None if started is None else started.execution_id,
            name=None if started is None else started.name,
        )
        child = ev.ExecutionStarted(
            NO_ID,
            now,
            name=event.name,
            input=event.input,
            instance_id=event.instance_id,
            execution_id=execution_id,
            version=event.version,
            parent=parent,
            trace_context=event.trace_context,
            router=event.router,
        )
        outcome.messages.append(Message(event.instance_id, child))
    return event
