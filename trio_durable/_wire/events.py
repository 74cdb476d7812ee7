"""History events <-> HistoryEvent.

`event_from_pb` and `event_to_pb` are the doors; behind them is one function per kind and direction.  A kind that this
version does not know becomes `UnknownEvent`: whoever meets one decides what it means.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import trio_durable_proto as pb
from trio_durable_proto import codec

from trio_durable._core import events as ev
from trio_durable._wire.common import (
    origin_from_pb,
    origin_to_pb,
    parent_from_pb,
    parent_to_pb,
    router_from_pb,
    router_to_pb,
    scope_from_pb,
    scope_to_pb,
    status_from_pb,
    status_to_pb,
    trace_from_pb,
    trace_to_pb,
)
from trio_durable._wire.failures import failure_from_pb, failure_to_pb
from trio_durable._wire.presence import chosen, given
from trio_durable._wire.times import optional_time, time_from_pb, time_to_pb

__all__ = ["event_from_bytes", "event_from_pb", "event_to_bytes", "event_to_pb"]


def event_from_bytes(data: bytes) -> ev.Event:
    """The event that `data` encodes; raises codec.DecodeError."""
    return event_from_pb(codec.decode(pb.HistoryEvent, data))


def event_to_bytes(event: ev.Event) -> bytes:
    """`event` as the bytes of a HistoryEvent."""
    return codec.encode(event_to_pb(event))


def event_from_pb(message: pb.HistoryEvent) -> ev.Event:
    """The event; `UnknownEvent` for a kind that this version does not know."""
    kind = chosen(message, "eventType")
    stamp = time_from_pb(message.timestamp)
    read = _READERS.get(kind)
    if read is None:
        return ev.UnknownEvent(message.event_id, stamp, kind=kind or "an event of no known kind")
    event: ev.Event = read(message.event_id, stamp, getattr(message, kind))
    if message.router is not None and kind in _ROUTED:
        event.router = router_from_pb(message.router)  # type: ignore[attr-defined]
    return event


def event_to_pb(event: ev.Event) -> pb.HistoryEvent:
    """The message; raises TypeError for a class that has none (`UnknownEvent`)."""
    write = _WRITERS.get(type(event))
    if write is None:
        raise TypeError(f"{type(event).__name__} has no message in the protocol")
    field, body = write(event)
    message = pb.HistoryEvent(event_id=event.event_id, timestamp=time_to_pb(event.timestamp), **{field: body})
    router = getattr(event, "router", None)
    if router is not None:
        message.router = router_to_pb(router)
    return message


# Reading: (event id, timestamp, the oneof's message) -> event.


def _read_workflow_started(i: int, t: int, m: pb.WorkflowStartedEvent) -> ev.OrchestratorStarted:
    if m.version is None:
        return ev.OrchestratorStarted(i, t)
    return ev.OrchestratorStarted(i, t, m.version.name, tuple(m.version.patches))


def _read_workflow_completed(i: int, t: int, m: pb.WorkflowCompletedEvent) -> ev.OrchestratorCompleted:
    return ev.OrchestratorCompleted(i, t)


def _read_execution_started(i: int, t: int, m: pb.ExecutionStartedEvent) -> ev.ExecutionStarted:
    instance = given(m.workflow_instance)
    return ev.ExecutionStarted(
        i,
        t,
        name=m.name,
        input=m.input,
        instance_id=instance.instance_id if instance is not None else "",
        execution_id=instance.execution_id if instance is not None else None,
        version=m.version,
        parent=parent_from_pb(m.parent_instance),
        scheduled_start=optional_time(m.scheduled_start_timestamp),
        trace_context=trace_from_pb(m.parent_trace_context),
        span_id=m.workflow_span_id,
        tags=dict(m.tags),
    )


def _read_execution_completed(i: int, t: int, m: pb.ExecutionCompletedEvent) -> ev.ExecutionCompleted:
    return ev.ExecutionCompleted(
        i, t, status_from_pb(m.workflow_status), m.result, failure_from_pb(m.failure_details)
    )


def _read_execution_terminated(i: int, t: int, m: pb.ExecutionTerminatedEvent) -> ev.ExecutionTerminated:
    return ev.ExecutionTerminated(i, t, m.input, m.recurse)


def _read_execution_suspended(i: int, t: int, m: pb.ExecutionSuspendedEvent) -> ev.ExecutionSuspended:
    return ev.ExecutionSuspended(i, t, m.input)


def _read_execution_resumed(i: int, t: int, m: pb.ExecutionResumedEvent) -> ev.ExecutionResumed:
    return ev.ExecutionResumed(i, t, m.input)


def _read_execution_stalled(i: int, t: int, m: pb.ExecutionStalledEvent) -> ev.ExecutionStalled:
    return ev.ExecutionStalled(i, t, int(m.reason), m.description)


def _read_task_scheduled(i: int, t: int, m: pb.TaskScheduledEvent) -> ev.TaskScheduled:
    return ev.TaskScheduled(
        i,
        t,
        name=m.name,
        input=m.input,
        version=m.version,
        task_execution_id=m.task_execution_id,
        trace_context=trace_from_pb(m.parent_trace_context),
        history_scope=scope_from_pb(m.history_propagation_scope),
    )


def _read_task_completed(i: int, t: int, m: pb.TaskCompletedEvent) -> ev.TaskCompleted:
    return ev.TaskCompleted(i, t, m.task_scheduled_id, m.result, m.task_execution_id)


def _read_task_failed(i: int, t: int, m: pb.TaskFailedEvent) -> ev.TaskFailed:
    return ev.TaskFailed(i, t, m.task_scheduled_id, failure_from_pb(m.failure_details), m.task_execution_id)


def _read_child_created(i: int, t: int, m: pb.ChildWorkflowInstanceCreatedEvent) -> ev.ChildCreated:
    first = m.retry_parent_instance_info
    return ev.ChildCreated(
        i,
        t,
        instance_id=m.instance_id,
        name=m.name,
        input=m.input,
        version=m.version,
        trace_context=trace_from_pb(m.parent_trace_context),
        history_scope=scope_from_pb(m.history_propagation_scope),
        retry_parent_instance_id=None if first is None else first.instance_id,
    )


def _read_child_completed(i: int, t: int, m: pb.ChildWorkflowInstanceCompletedEvent) -> ev.ChildCompleted:
    return ev.ChildCompleted(i, t, m.task_scheduled_id, m.result)


def _read_child_failed(i: int, t: int, m: pb.ChildWorkflowInstanceFailedEvent) -> ev.ChildFailed:
    return ev.ChildFailed(i, t, m.task_scheduled_id, failure_from_pb(m.failure_details))


def _read_detached_created(i: int, t: int, m: pb.DetachedWorkflowInstanceCreatedEvent) -> ev.DetachedCreated:
    return ev.DetachedCreated(i, t, m.instance_id)


def _read_timer_created(i: int, t: int, m: pb.TimerCreatedEvent) -> ev.TimerCreated:
    return ev.TimerCreated(i, t, time_from_pb(m.fire_at), m.name, origin_from_pb(m))


def _read_timer_fired(i: int, t: int, m: pb.TimerFiredEvent) -> ev.TimerFired:
    return ev.TimerFired(i, t, m.timer_id, time_from_pb(m.fire_at))


def _read_event_raised(i: int, t: int, m: pb.EventRaisedEvent) -> ev.EventRaised:
    return ev.EventRaised(i, t, m.name, m.input)


def _read_event_sent(i: int, t: int, m: pb.EventSentEvent) -> ev.EventSent:
    return ev.EventSent(i, t, m.instance_id, m.name, m.input)


def _read_continue_as_new(i: int, t: int, m: pb.ContinueAsNewEvent) -> ev.ContinuedAsNew:
    return ev.ContinuedAsNew(i, t, m.input)


_READERS: dict[str, Callable[[int, int, Any], Any]] = {
    "workflow_started": _read_workflow_started,
    "workflow_completed": _read_workflow_completed,
    "execution_started": _read_execution_started,
    "execution_completed": _read_execution_completed,
    "execution_terminated": _read_execution_terminated,
    "execution_suspended": _read_execution_suspended,
    "execution_resumed": _read_execution_resumed,
    "execution_stalled": _read_execution_stalled,
    "task_scheduled": _read_task_scheduled,
    "task_completed": _read_task_completed,
    "task_failed": _read_task_failed,
    "child_workflow_instance_created": _read_child_created,
    "child_workflow_instance_completed": _read_child_completed,
    "child_workflow_instance_failed": _read_child_failed,
    "detached_workflow_instance_created": _read_detached_created,
    "timer_created": _read_timer_created,
    "timer_fired": _read_timer_fired,
    "event_raised": _read_event_raised,
    "event_sent": _read_event_sent,
    "continue_as_new": _read_continue_as_new,
}

_ROUTED = frozenset(
    {
        "execution_started",
        "task_scheduled",
        "child_workflow_instance_created",
        "detached_workflow_instance_created",
    }
)


# Writing: event -> (field of the oneof, message).


def _write_workflow_started(e: ev.OrchestratorStarted) -> tuple[str, pb.WorkflowStartedEvent]:
    if e.version is None and not e.patches:
        return "workflow_started", pb.WorkflowStartedEvent()
    version = pb.WorkflowVersion(patches=list(e.patches), name=e.version)
    return "workflow_started", pb.WorkflowStartedEvent(version=version)


def _write_workflow_completed(e: ev.OrchestratorCompleted) -> tuple[str, pb.WorkflowCompletedEvent]:
    return "workflow_completed", pb.WorkflowCompletedEvent()


def _write_execution_started(e: ev.ExecutionStarted) -> tuple[str, pb.ExecutionStartedEvent]:
    body = pb.ExecutionStartedEvent(
        name=e.name,
        version=e.version,
        input=e.input,
        workflow_instance=pb.WorkflowInstance(instance_id=e.instance_id, execution_id=e.execution_id),
        workflow_span_id=e.span_id,
    )
    if e.tags:
        body.tags = dict(e.tags)
    if e.parent is not None:
        body.parent_instance = parent_to_pb(e.parent)
    if e.scheduled_start is not None:
        body.scheduled_start_timestamp = time_to_pb(e.scheduled_start)
    if e.trace_context is not None:
        body.parent_trace_context = trace_to_pb(e.trace_context)
    return "execution_started", body


def _write_execution_completed(e: ev.ExecutionCompleted) -> tuple[str, pb.ExecutionCompletedEvent]:
    body = pb.ExecutionCompletedEvent(workflow_status=status_to_pb(e.status), result=e.result)
    if e.failure is not None:
        body.failure_details = failure_to_pb(e.failure)
    return "execution_completed", body


def _write_execution_terminated(e: ev.ExecutionTerminated) -> tuple[str, pb.ExecutionTerminatedEvent]:
    return "execution_terminated", pb.ExecutionTerminatedEvent(input=e.input, recurse=e.recurse)


def _write_execution_suspended(e: ev.ExecutionSuspended) -> tuple[str, pb.ExecutionSuspendedEvent]:
    return "execution_suspended", pb.ExecutionSuspendedEvent(input=e.input)


def _write_execution_resumed(e: ev.ExecutionResumed) -> tuple[str, pb.ExecutionResumedEvent]:
    return "execution_resumed", pb.ExecutionResumedEvent(input=e.input)


def _write_execution_stalled(e: ev.ExecutionStalled) -> tuple[str, pb.ExecutionStalledEvent]:
    reason = pb.StalledReason.try_value(e.reason)
    return "execution_stalled", pb.ExecutionStalledEvent(reason=reason, description=e.description)


def _write_task_scheduled(e: ev.TaskScheduled) -> tuple[str, pb.TaskScheduledEvent]:
    body = pb.TaskScheduledEvent(
        name=e.name,
        version=e.version,
        input=e.input,
        task_execution_id=e.task_execution_id,
        history_propagation_scope=scope_to_pb(e.history_scope),
    )
    if e.trace_context is not None:
        body.parent_trace_context = trace_to_pb(e.trace_context)
    return "task_scheduled", body


def _write_task_completed(e: ev.TaskCompleted) -> tuple[str, pb.TaskCompletedEvent]:
    return "task_completed", pb.TaskCompletedEvent(
        task_scheduled_id=e.task_scheduled_id, result=e.result, task_execution_id=e.task_execution_id
    )


def _write_task_failed(e: ev.TaskFailed) -> tuple[str, pb.TaskFailedEvent]:
    body = pb.TaskFailedEvent(task_scheduled_id=e.task_scheduled_id, task_execution_id=e.task_execution_id)
    if e.failure is not None:
        body.failure_details = failure_to_pb(e.failure)
    return "task_failed", body


def _write_child_created(e: ev.ChildCreated) -> tuple[str, pb.ChildWorkflowInstanceCreatedEvent]:
    body = pb.ChildWorkflowInstanceCreatedEvent(
        instance_id=e.instance_id,
        name=e.name,
        version=e.version,
        input=e.input,
        history_propagation_scope=scope_to_pb(e.history_scope),
    )
    if e.trace_context is not None:
        body.parent_trace_context = trace_to_pb(e.trace_context)
    if e.retry_parent_instance_id is not None:
        body.retry_parent_instance_info = pb.RetryParentInstanceInfo(instance_id=e.retry_parent_instance_id)
    return "child_workflow_instance_created", body


def _write_child_completed(e: ev.ChildCompleted) -> tuple[str, pb.ChildWorkflowInstanceCompletedEvent]:
    return "child_workflow_instance_completed", pb.ChildWorkflowInstanceCompletedEvent(
        task_scheduled_id=e.task_scheduled_id, result=e.result
    )


def _write_child_failed(e: ev.ChildFailed) -> tuple[str, pb.ChildWorkflowInstanceFailedEvent]:
    body = pb.ChildWorkflowInstanceFailedEvent(task_scheduled_id=e.task_scheduled_id)
    if e.failure is not None:
        body.failure_details = failure_to_pb(e.failure)
    return "child_workflow_instance_failed", body


def _write_detached_created(e: ev.DetachedCreated) -> tuple[str, pb.DetachedWorkflowInstanceCreatedEvent]:
    return "detached_workflow_instance_created", pb.DetachedWorkflowInstanceCreatedEvent(instance_id=e.instance_id)


def _write_timer_created(e: ev.TimerCreated) -> tuple[str, pb.TimerCreatedEvent]:
    return "timer_created", pb.TimerCreatedEvent(
        fire_at=time_to_pb(e.fire_at), name=e.name, **origin_to_pb(e.origin)
    )


def _write_timer_fired(e: ev.TimerFired) -> tuple[str, pb.TimerFiredEvent]:
    return "timer_fired", pb.TimerFiredEvent(fire_at=time_to_pb(e.fire_at), timer_id=e.timer_id)


def _write_event_raised(e: ev.EventRaised) -> tuple[str, pb.EventRaisedEvent]:
    return "event_raised", pb.EventRaisedEvent(name=e.name, input=e.input)


def _write_event_sent(e: ev.EventSent) -> tuple[str, pb.EventSentEvent]:
    return "event_sent", pb.EventSentEvent(instance_id=e.instance_id, name=e.name, input=e.input)


def _write_continue_as_new(e: ev.ContinuedAsNew) -> tuple[str, pb.ContinueAsNewEvent]:
    return "continue_as_new", pb.ContinueAsNewEvent(input=e.input)


_WRITERS: dict[type[ev.Event], Callable[[Any], tuple[str, Any]]] = {
    ev.OrchestratorStarted: _write_workflow_started,
    ev.OrchestratorCompleted: _write_workflow_completed,
    ev.ExecutionStarted: _write_execution_started,
    ev.ExecutionCompleted: _write_execution_completed,
    ev.ExecutionTerminated: _write_execution_terminated,
    ev.ExecutionSuspended: _write_execution_suspended,
    ev.ExecutionResumed: _write_execution_resumed,
    ev.ExecutionStalled: _write_execution_stalled,
    ev.TaskScheduled: _write_task_scheduled,
    ev.TaskCompleted: _write_task_completed,
    ev.TaskFailed: _write_task_failed,
    ev.ChildCreated: _write_child_created,
    ev.ChildCompleted: _write_child_completed,
    ev.ChildFailed: _write_child_failed,
    ev.DetachedCreated: _write_detached_created,
    ev.TimerCreated: _write_timer_created,
    ev.TimerFired: _write_timer_fired,
    ev.EventRaised: _write_event_raised,
    ev.EventSent: _write_event_sent,
    ev.ContinuedAsNew: _write_continue_as_new,
}
