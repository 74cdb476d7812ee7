"""The messages of a worker: turns and activities, both directions.

A turn is a `Turn`: what the worker needs of a WorkflowRequest.  Its answer is a `TurnResult`.  An activity is an
`Activity`, its answer an `ActivityResult`.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

import trio_durable_proto as pb

from trio_durable._core.actions import Action
from trio_durable._core.events import Event, TraceContext
from trio_durable._core.failures import FailureDetails
from trio_durable._wire.actions import action_from_pb, action_to_pb
from trio_durable._wire.common import trace_from_pb, trace_to_pb
from trio_durable._wire.events import event_from_pb, event_to_pb
from trio_durable._wire.failures import failure_from_pb, failure_to_pb
from trio_durable._wire.presence import chosen, given
from trio_durable._wire.propagation import HistoryChunk, chunks_from_pb

__all__ = [
    "Activity",
    "ActivityResult",
    "Turn",
    "TurnResult",
    "activity_from_pb",
    "activity_result_from_pb",
    "activity_result_to_pb",
    "activity_to_pb",
    "turn_from_pb",
    "turn_result_from_pb",
    "turn_result_to_pb",
    "turn_to_pb",
    "work_from_pb",
]


@dataclass(slots=True)
class Turn:
    """One turn of an instance: its history so far, and what is new.

    cached: None, or the number of events that precede `past` and that the worker is believed to hold already
    (stateful history).  propagated: the histories that its parent handed down.
    """

    instance_id: str
    execution_id: str | None = None
    past: Sequence[Event] = field(default_factory=list)
    new: Sequence[Event] = field(default_factory=list)
    cached: int | None = None
    propagated: tuple[HistoryChunk, ...] = ()


@dataclass(slots=True)
class TurnResult:
    """What a turn asks for.  custom_status None clears it; version None and no patches leave the version out.

    deadlock: for the worker's log, who waits for what if nothing can make the instance go on; it is not sent.
    """

    instance_id: str
    actions: Sequence[Action]
    custom_status: str | None = None
    completion_token: str = ""
    version: str | None = None
    patches: tuple[str, ...] = ()
    deadlock: str = field(default="", compare=False)


@dataclass(slots=True)
class Activity:
    """One activity to run.  task_id is the id of the action that scheduled it."""

    instance_id: str
    task_id: int
    name: str
    input: str | None = None
    version: str | None = None
    task_execution_id: str = ""
    execution_id: str | None = None
    trace_context: TraceContext | None = None
    propagated: tuple[HistoryChunk, ...] = ()


@dataclass(slots=True)
class ActivityResult:
    """What an activity returned, or, where `failure` is not None, how it failed."""

    instance_id: str
    task_id: int
    result: str | None = None
    failure: FailureDetails | None = None
    completion_token: str = ""


def work_from_pb(item: pb.WorkItem) -> Turn | Activity | None:
    """What the item asks for; None for a health ping and for a kind that this version does not know."""
    kind = chosen(item, "request")
    if kind == "workflow_request":
        return turn_from_pb(item.workflow_request)
    if kind == "activity_request":
        return activity_from_pb(item.activity_request)
    return None


def turn_from_pb(message: pb.WorkflowRequest) -> Turn:
    cached = message.cached_history
    return Turn(
        instance_id=message.instance_id,
        execution_id=message.execution_id,
        past=[event_from_pb(event) for event in message.past_events],
        new=[event_from_pb(event) for event in message.new_events],
        cached=None if cached is None else cached.event_count,
        propagated=chunks_from_pb(message.propagated_history),
    )


def turn_to_pb(turn: Turn) -> pb.WorkflowRequest:
    message = pb.WorkflowRequest(
        instance_id=turn.instance_id,
        execution_id=turn.execution_id,
        past_events=[event_to_pb(event) for event in turn.past],
        new_events=[event_to_pb(event) for event in turn.new],
    )
    if turn.cached is not None:
        message.cached_history = pb.CachedHistory(event_count=turn.cached)
    return message


def turn_result_from_pb(message: pb.WorkflowResponse) -> TurnResult:
    version = message.version
    return TurnResult(
        instance_id=message.instance_id,
        actions=[action_from_pb(action) for action in message.actions],
        custom_status=message.custom_status,
        completion_token=message.completion_token,
        version=None if version is None else version.name,
        patches=() if version is None else tuple(version.patches),
    )


def turn_result_to_pb(result: TurnResult) -> pb.WorkflowResponse:
    message = pb.WorkflowResponse(
        instance_id=result.instance_id,
        actions=[action_to_pb(action) for action in result.actions],
        custom_status=result.custom_status,
        completion_token=result.completion_token,
    )
    if result.version is not None or result.patches:
        message.version = pb.WorkflowVersion(patches=list(result.patches), name=result.version)
    return message


def activity_from_pb(message: pb.ActivityRequest) -> Activity:
    instance = given(message.workflow_instance)
    return Activity(
        instance_id=instance.instance_id if instance is not None else "",
        task_id=message.task_id,
        name=message.name,
        input=message.input,
        version=message.version,
        task_execution_id=message.task_execution_id,
        execution_id=instance.execution_id if instance is not None else None,
        trace_context=trace_from_pb(message.parent_trace_context),
        propagated=chunks_from_pb(message.propagated_history),
    )


def activity_to_pb(activity: Activity) -> pb.ActivityRequest:
    message = pb.ActivityRequest(
        name=activity.name,
        version=activity.version,
        input=activity.input,
        workflow_instance=pb.WorkflowInstance(
            instance_id=activity.instance_id, execution_id=activity.execution_id
        ),
        task_id=activity.task_id,
        task_execution_id=activity.task_execution_id,
    )
    if activity.trace_context is not None:
        message.parent_trace_context = trace_to_pb(activity.trace_context)
    return message


def activity_result_from_pb(message: pb.ActivityResponse) -> ActivityResult:
    return ActivityResult(
        instance_id=message.instance_id,
        task_id=message.task_id,
        result=message.result,
        failure=failure_from_pb(message.failure_details),
        completion_token=message.completion_token,
    )


def activity_result_to_pb(result: ActivityResult) -> pb.ActivityResponse:
    message = pb.ActivityResponse(
        instance_id=result.instance_id,
        task_id=result.task_id,
        result=result.result,
        completion_token=result.completion_token,
    )
    if result.failure is not None:
        message.failure_details = failure_to_pb(result.failure)
    return message
