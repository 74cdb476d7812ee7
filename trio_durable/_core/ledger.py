"""The ledger: which event confirms each action, and which events answer it.

The law, in one table.  An action asked for with id N is *confirmed* by an event whose `event_id` is N, and *answered*
by an event that carries N as its `task_scheduled_id` (or `timer_id`).  Confirmations come from the turn that asked;
answers come whenever they come.  Everything that handles actions and events generically (the replay, the service half,
the documentation's diagram, the exhaustive tests) is written over this table.

    action              confirmed by      answered by
    ScheduleTask        TaskScheduled     TaskCompleted | TaskFailed
    CreateChild         ChildCreated      ChildCompleted | ChildFailed
    CreateTimer         TimerCreated      TimerFired
    CreateDetached      DetachedCreated   -
"""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum

from trio_durable._core import clock
from trio_durable._core.actions import Action, CreateChild, CreateDetached, CreateTimer, ScheduleTask
from trio_durable._core.events import (
    ChildCompleted,
    ChildCreated,
    ChildFailed,
    DetachedCreated,
    Event,
    TaskCompleted,
    TaskFailed,
    TaskScheduled,
    TimerCreated,
    TimerFired,
    TimerOriginKind,
)

__all__ = [
    "ANSWERS",
    "CONFIRMS",
    "KIND_OF",
    "LEDGER",
    "Entry",
    "Kind",
    "answered_id",
    "describe",
    "is_indefinite",
    "mismatch",
]


class Kind(Enum):
    """What an id stands for; one number may stand for one thing of each kind in histories of other SDKs."""

    TASK = "activity"
    CHILD = "child orchestration"
    TIMER = "timer"
    DETACHED = "detached orchestration"


@dataclass(frozen=True, slots=True)
class Entry:
    """One row of the ledger."""

    kind: Kind
    action: type[Action]
    confirmed_by: type[Event]
    completed_by: type[Event] | None
    failed_by: type[Event] | None


LEDGER = (
    Entry(Kind.TASK, ScheduleTask, TaskScheduled, TaskCompleted, TaskFailed),
    Entry(Kind.CHILD, CreateChild, ChildCreated, ChildCompleted, ChildFailed),
    Entry(Kind.TIMER, CreateTimer, TimerCreated, TimerFired, None),
    Entry(Kind.DETACHED, CreateDetached, DetachedCreated, None, None),
)

KIND_OF: dict[type[Action], Kind] = {row.action: row.kind for row in LEDGER}
CONFIRMS: dict[type[Event], Entry] = {row.confirmed_by: row for row in LEDGER}
ANSWERS: dict[type[Event], Kind] = {
    answer: row.kind for row in LEDGER for answer in (row.completed_by, row.failed_by) if answer is not None
}


def answered_id(event: Event) -> int:
    """The id of the action that `event`, one of ANSWERS, answers."""
    if isinstance(event, TimerFired):
        return event.timer_id
    assert isinstance(event, TaskCompleted | TaskFailed | ChildCompleted | ChildFailed)
    return event.task_scheduled_id


def is_indefinite(timer: Action | Event) -> bool:
    """Whether this is the timer of an event wait without a time limit, which older recorders did not write."""
    return (
        isinstance(timer, CreateTimer | TimerCreated)
        and timer.fire_at == clock.FOREVER
        and timer.origin is not None
        and timer.origin.kind is TimerOriginKind.EXTERNAL_EVENT
    )


def mismatch(action: Action, event: Event) -> str | None:
    """Why `event` cannot be the confirmation of `action`; None if it can."""
    row = CONFIRMS[type(event)]
    if type(action) is not row.action:
        return "another kind of action"
    if isinstance(action, ScheduleTask) and isinstance(event, TaskScheduled):
        return None if action.name == event.name else "another activity"
    if isinstance(action, CreateChild) and isinstance(event, ChildCreated):
        return None if action.name == event.name else "another child orchestration"
    if isinstance(action, CreateDetached) and isinstance(event, DetachedCreated):
        return None if action.instance_id == event.instance_id else "another detached orchestration"
    if isinstance(action, CreateTimer) and isinstance(event, TimerCreated):
        if action.origin is None or event.origin is None:
            return None  # recorded by an SDK that does not write why a timer exists
        if action.origin.kind is not event.origin.kind:
            return "a timer made for another reason"
        if (
            action.origin.kind is TimerOriginKind.EXTERNAL_EVENT
            and action.origin.value.casefold() != event.origin.value.casefold()
        ):
            return "a wait for another event"
    return None


def describe(thing: Action | Event) -> str:
    """One line a person can read: what an action asks for, or what an event records."""
    number = thing.id if isinstance(thing, Action) else thing.event_id
    match thing:
        case ScheduleTask() | TaskScheduled():
            return f"#{number} call activity {thing.name!r}"
        case CreateChild() | ChildCreated():
            return f"#{number} call child orchestration {thing.name!r}"
        case CreateTimer() | TimerCreated():
            if thing.origin is not None and thing.origin.kind is TimerOriginKind.EXTERNAL_EVENT:
                return f"#{number} wait for external event {thing.origin.value!r}"
            if thing.origin is not None and thing.origin.kind is not TimerOriginKind.CREATE_TIMER:
                return f"#{number} wait before a retry ({thing.name or thing.origin.value})"
            return f"#{number} create a timer"
        case CreateDetached() | DetachedCreated():
            return f"#{number} start detached orchestration {getattr(thing, 'name', thing.instance_id)!r}"
        case _:
            return f"#{number} {type(thing).__name__}"
