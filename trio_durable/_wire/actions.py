"""Actions <-> WorkflowAction: one function per kind and direction."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import trio_durable_proto as pb

from trio_durable._core import actions as ac
from trio_durable._wire.common import (
    origin_from_pb,
    origin_to_pb,
    router_from_pb,
    router_to_pb,
    scope_from_pb,
    scope_to_pb,
    status_from_pb,
    status_to_pb,
    trace_from_pb,
    trace_to_pb,
)
from trio_durable._wire.events import event_from_pb, event_to_pb
from trio_durable._wire.failures import failure_from_pb, failure_to_pb
from trio_durable._wire.presence import chosen
from trio_durable._wire.times import optional_time, time_from_pb, time_to_pb

__all__ = ["action_from_pb", "action_to_pb"]


def action_from_pb(message: pb.WorkflowAction) -> ac.Action:
    """The action; `UnknownAction` for a kind that this version does not know."""
    kind = chosen(message, "workflowActionType")
    read = _READERS.get(kind)
    if read is None:
        return ac.UnknownAction(message.id, kind=kind or "an action of no known kind")
    action: ac.Action = read(message.id, getattr(message, kind))
    if message.router is not None and hasattr(action, "router"):
        action.router = router_from_pb(message.router)
    return action


def action_to_pb(action: ac.Action) -> pb.WorkflowAction:
    """The message; raises TypeError for a class that has none (`UnknownAction`)."""
    write = _WRITERS.get(type(action))
    if write is None:
        raise TypeError(f"{type(action).__name__} has no message in the protocol")
    field, body = write(action)
    message = pb.WorkflowAction(id=action.id, **{field: body})
    router = getattr(action, "router", None)
    if router is not None:
        message.router = router_to_pb(router)
    return message


# Reading: (action id, the oneof's message) -> action.


def _read_schedule_task(i: int, m: pb.ScheduleTaskAction) -> ac.ScheduleTask:
    return ac.ScheduleTask(
        i, m.name, m.input, m.version, m.task_execution_id, scope_from_pb(m.history_propagation_scope)
    )


def _read_create_child(i: int, m: pb.CreateChildWorkflowAction) -> ac.CreateChild:
    first = m.retry_parent_instance_info
    return ac.CreateChild(
        i,
        name=m.name,
        instance_id=m.instance_id,
        input=m.input,
        version=m.version,
        history_scope=scope_from_pb(m.history_propagation_scope),
        retry_parent_instance_id=None if first is None else first.instance_id,
    )


def _read_create_detached(i: int, m: pb.CreateDetachedWorkflowAction) -> ac.CreateDetached:
    return ac.CreateDetached(
        i,
        name=m.name,
        instance_id=m.instance_id,
        input=m.input,
        version=m.version,
        scheduled_start=optional_time(m.scheduled_start_timestamp),
        execution_id=m.execution_id,
        tags=dict(m.tags),
        trace_context=trace_from_pb(m.parent_trace_context),
    )


def _read_create_timer(i: int, m: pb.CreateTimerAction) -> ac.CreateTimer:
    return ac.CreateTimer(i, time_from_pb(m.fire_at), m.name, origin_from_pb(m))


def _read_send_event(i: int, m: pb.SendEventAction) -> ac.SendEvent:
    return ac.SendEvent(i, m.instance.instance_id, m.name, m.data)


def _read_terminate(i: int, m: pb.TerminateWorkflowAction) -> ac.TerminateInstance:
    return ac.TerminateInstance(i, m.instance_id, m.reason, m.recurse)


def _read_complete(i: int, m: pb.CompleteWorkflowAction) -> ac.CompleteOrchestration:
    return ac.CompleteOrchestration(
        i,
        status=status_from_pb(m.workflow_status),
        result=m.result,
        failure=failure_from_pb(m.failure_details),
        new_version=m.new_version,
        carryover=[event_from_pb(event) for event in m.carryover_events],
    )


def _read_version_not_available(i: int, m: pb.WorkflowVersionNotAvailableAction) -> ac.VersionNotAvailable:
    return ac.VersionNotAvailable(i)


_READERS: dict[str, Callable[[int, Any], Any]] = {
    "schedule_task": _read_schedule_task,
    "create_child_workflow": _read_create_child,
    "create_detached_workflow": _read_create_detached,
    "create_timer": _read_create_timer,
    "send_event": _read_send_event,
    "terminate_workflow": _read_terminate,
    "complete_workflow": _read_complete,
    "workflow_version_not_available": _read_version_not_available,
}


# Writing: action -> (field of the oneof, message).


def _write_schedule_task(a: ac.ScheduleTask) -> tuple[str, pb.ScheduleTaskAction]:
    return "schedule_task", pb.ScheduleTaskAction(
        name=a.name,
        version=a.version,
        input=a.input,
        task_execution_id=a.task_execution_id,
        history_propagation_scope=scope_to_pb(a.history_scope),
    )


def _write_create_child(a: ac.CreateChild) -> tuple[str, pb.CreateChildWorkflowAction]:
    body = pb.CreateChildWorkflowAction(
        instance_id=a.instance_id,
        name=a.name,
        version=a.version,
        input=a.input,
        history_propagation_scope=scope_to_pb(a.history_scope),
    )
    if a.retry_parent_instance_id is not None:
        body.retry_parent_instance_info = pb.RetryParentInstanceInfo(instance_id=a.retry_parent_instance_id)
    return "create_child_workflow", body


def _write_create_detached(a: ac.CreateDetached) -> tuple[str, pb.CreateDetachedWorkflowAction]:
    body = pb.CreateDetachedWorkflowAction(
        instance_id=a.instance_id,
        name=a.name,
        version=a.version,
        input=a.input,
        execution_id=a.execution_id,
    )
    if a.tags:
        body.tags = dict(a.tags)
    if a.scheduled_start is not None:
        body.scheduled_start_timestamp = time_to_pb(a.scheduled_start)
    if a.trace_context is not None:
        body.parent_trace_context = trace_to_pb(a.trace_context)
    return "create_detached_workflow", body


def _write_create_timer(a: ac.CreateTimer) -> tuple[str, pb.CreateTimerAction]:
    return "create_timer", pb.CreateTimerAction(
        fire_at=time_to_pb(a.fire_at), name=a.name, **origin_to_pb(a.origin)
    )


def _write_send_event(a: ac.SendEvent) -> tuple[str, pb.SendEventAction]:
    return "send_event", pb.SendEventAction(
        instance=pb.WorkflowInstance(instance_id=a.instance_id), name=a.name, data=a.data
    )


def _write_terminate(a: ac.TerminateInstance) -> tuple[str, pb.TerminateWorkflowAction]:
    return "terminate_workflow", pb.TerminateWorkflowAction(
        instance_id=a.instance_id, reason=a.reason, recurse=a.recurse
    )


def _write_complete(a: ac.CompleteOrchestration) -> tuple[str, pb.CompleteWorkflowAction]:
    body = pb.CompleteWorkflowAction(
        workflow_status=status_to_pb(a.status), result=a.result, new_version=a.new_version
    )
    if a.carryover:
        body.carryover_events = [event_to_pb(event) for event in a.carryover]
    if a.failure is not None:
        body.failure_details = failure_to_pb(a.failure)
    return "complete_workflow", body


def _write_version_not_available(
    a: ac.VersionNotAvailable,
) -> tuple[str, pb.WorkflowVersionNotAvailableAction]:
    return "workflow_version_not_available", pb.WorkflowVersionNotAvailableAction()


_WRITERS: dict[type[ac.Action], Callable[[Any], tuple[str, Any]]] = {
    ac.ScheduleTask: _write_schedule_task,
    ac.CreateChild: _write_create_child,
    ac.CreateDetached: _write_create_detached,
    ac.CreateTimer: _write_create_timer,
    ac.SendEvent: _write_send_event,
    ac.TerminateInstance: _write_terminate,
    ac.CompleteOrchestration: _write_complete,
    ac.VersionNotAvailable: _write_version_not_available,
}
