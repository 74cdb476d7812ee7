"""A recorded history as people and tools look at it."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, is_dataclass
from datetime import datetime
from enum import Enum
from typing import Any

from trio_durable._core import clock
from trio_durable._core.events import (
    ChildCompleted,
    ChildCreated,
    ChildFailed,
    Event,
    TaskCompleted,
    TaskFailed,
    TaskScheduled,
    TimerCreated,
)
from trio_durable._core.failures import FailureDetails

__all__ = ["HistoryEvent", "PropagatedCall", "PropagatedHistory", "history_event"]


@dataclass(frozen=True, slots=True)
class HistoryEvent:
    """One event of an instance's history.

    event_id: the number of the action that it confirms, -1 if it confirms none.  kind: what happened, such as
    "TaskScheduled".  timestamp: aware, UTC.  name, input, result, failure: where the event has one; payloads are JSON
    text.  task_scheduled_id: the number of the action that it answers.  attributes: everything else it tells.
    """

    event_id: int
    timestamp: datetime
    kind: str
    name: str | None = None
    input: str | None = None
    result: str | None = None
    failure: FailureDetails | None = None
    task_scheduled_id: int | None = None
    attributes: dict[str, Any] = field(default_factory=dict)

    @property
    def is_rerunnable(self) -> bool:
        """Whether `rerun_orchestration_from_event` can begin at this event."""
        return self.kind in _RERUNNABLE


@dataclass(frozen=True, slots=True)
class PropagatedCall:
    """One attempt of an activity or a child orchestration in a history that was handed down, and its end.

    input, result: payloads, JSON text; a child's input is not in its caller's history.  failure: where it failed.
    """

    name: str
    input: str | None = None
    is_complete: bool = False
    result: str | None = None
    failure: FailureDetails | None = None

    @property
    def is_failed(self) -> bool:
        """Whether it ended, and with a failure."""
        return self.failure is not None


@dataclass(frozen=True, slots=True)
class PropagatedHistory:
    """What one orchestration handed down of its history: see `propagation=` of `ctx.call_activity`."""

    app_id: str
    instance_id: str
    name: str
    events: tuple[HistoryEvent, ...]

    def activities(self, name: str | None = None) -> tuple[PropagatedCall, ...]:
        """The activities that it called, those of this name if one is given, in the order of the calls."""
        return self._calls(TaskScheduled, TaskCompleted, TaskFailed, name)

    def children(self, name: str | None = None) -> tuple[PropagatedCall, ...]:
        """The child orchestrations that it called, as `activities` has activities."""
        return self._calls(ChildCreated, ChildCompleted, ChildFailed, name)

    def _calls(
        self, asked: type[Event], completed: type[Event], failed: type[Event], name: str | None
    ) -> tuple[PropagatedCall, ...]:
        ends = {completed.__name__, failed.__name__}
        answers = {event.task_scheduled_id: event for event in self.events if event.kind in ends}
        calls = []
        for event in self.events:
            if event.kind != asked.__name__ or name not in (None, event.name):
                continue
            called, answer = event.name or "", answers.get(event.event_id)
            if answer is None:
                calls.append(PropagatedCall(called, event.input))
            elif answer.kind == completed.__name__:
                calls.append(PropagatedCall(called, event.input, True, answer.result))
            else:
                failure = answer.failure or FailureDetails("", "no details, as of a child that was terminated")
                calls.append(PropagatedCall(called, event.input, True, failure=failure))
        return tuple(calls)


_RERUNNABLE = {TaskScheduled.__name__, TimerCreated.__name__, ChildCreated.__name__}
_OWN = {"event_id", "timestamp", "name", "input", "result", "failure", "task_scheduled_id"}


def history_event(event: Event) -> HistoryEvent:
    """`event` for people."""
    told = {each.name: getattr(event, each.name) for each in fields(event)}
    answered = told.get("task_scheduled_id", told.get("timer_id"))
    return HistoryEvent(
        event_id=event.event_id,
        timestamp=clock.to_datetime(event.timestamp),
        kind=type(event).__name__,
        name=told.get("name"),
        input=told.get("input"),
        result=told.get("result"),
        failure=told.get("failure"),
        task_scheduled_id=answered,
        attributes={name: _plain(value) for name, value in told.items() if name not in _OWN and value is not None},
    )


def _plain(value: Any) -> Any:
    if isinstance(value, Enum):
        return value.name
    if is_dataclass(value) and not isinstance(value, type):
        return {each.name: _plain(getattr(value, each.name)) for each in fields(value)}
    return value
