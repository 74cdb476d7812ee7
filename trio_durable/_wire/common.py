"""The small messages that events, actions and requests share: routers, trace contexts, parents, origins of timers."""

from __future__ import annotations

from typing import Any

import trio_durable_proto as pb

from trio_durable._core.events import ParentInstance, Router, Status, TimerOrigin, TimerOriginKind, TraceContext
from trio_durable._wire.presence import chosen, given

__all__ = [
    "origin_from_pb",
    "origin_to_pb",
    "parent_from_pb",
    "parent_to_pb",
    "router_from_pb",
    "router_to_pb",
    "scope_from_pb",
    "scope_to_pb",
    "status_from_pb",
    "status_to_pb",
    "trace_from_pb",
    "trace_to_pb",
]


def status_from_pb(status: int) -> Status:
    """Raises ValueError for a number that the protocol does not define."""
    return Status(int(status))


def status_to_pb(status: Status) -> pb.OrchestrationStatus:
    return pb.OrchestrationStatus(int(status))


def scope_from_pb(scope: int | None) -> int | None:
    """The history propagation scope's number: carried along, never interpreted."""
    return None if scope is None else int(scope)


def scope_to_pb(scope: int | None) -> pb.HistoryPropagationScope | None:
    return None if scope is None else pb.HistoryPropagationScope.try_value(scope)


def router_from_pb(router: pb.TaskRouter | None) -> Router | None:
    if router is None:
        return None
    return Router(router.source_app_id, router.target_app_id, router.target_app_namespace)


def router_to_pb(router: Router | None) -> pb.TaskRouter | None:
    if router is None:
        return None
    return pb.TaskRouter(
        source_app_id=router.source_app_id,
        target_app_id=router.target_app_id,
        target_app_namespace=router.target_app_namespace,
    )


def trace_from_pb(context: pb.TraceContext | None) -> TraceContext | None:
    context = given(context)
    if context is None:
        return None
    return TraceContext(context.trace_parent, context.span_id, context.trace_state)


def trace_to_pb(context: TraceContext) -> pb.TraceContext:
    return pb.TraceContext(
        trace_parent=context.trace_parent, span_id=context.span_id, trace_state=context.trace_state
    )


def parent_from_pb(parent: pb.ParentInstanceInfo | None) -> ParentInstance | None:
    parent = given(parent)
    if parent is None:
        return None
    instance = given(parent.workflow_instance)
    return ParentInstance(
        task_scheduled_id=parent.task_scheduled_id,
        instance_id=instance.instance_id if instance is not None else "",
        execution_id=instance.execution_id if instance is not None else None,
        name=parent.name,
        version=parent.version,
        app_id=parent.app_id,
        app_namespace=parent.app_namespace,
    )


def parent_to_pb(parent: ParentInstance) -> pb.ParentInstanceInfo:
    return pb.ParentInstanceInfo(
        task_scheduled_id=parent.task_scheduled_id,
        name=parent.name,
        version=parent.version,
        workflow_instance=pb.WorkflowInstance(instance_id=parent.instance_id, execution_id=parent.execution_id),
        app_id=parent.app_id,
        app_namespace=parent.app_namespace,
    )


#: Field of the oneof `origin`, which timers' actions and events have alike -> our kind.
_ORIGINS = {
    "create_timer": TimerOriginKind.CREATE_TIMER,
    "external_event": TimerOriginKind.EXTERNAL_EVENT,
    "activity_retry": TimerOriginKind.ACTIVITY_RETRY,
    "child_workflow_retry": TimerOriginKind.CHILD_RETRY,
}


def origin_from_pb(timer: pb.TimerCreatedEvent | pb.CreateTimerAction) -> TimerOrigin | None:
    """Why the timer exists, or None where the peer did not say."""
    field = chosen(timer, "origin")
    if not field:
        return None
    kind = _ORIGINS[field]
    if kind is TimerOriginKind.EXTERNAL_EVENT:
        return TimerOrigin(kind, timer.external_event.name)
    if kind is TimerOriginKind.ACTIVITY_RETRY:
        return TimerOrigin(kind, timer.activity_retry.task_execution_id)
    if kind is TimerOriginKind.CHILD_RETRY:
        return TimerOrigin(kind, timer.child_workflow_retry.instance_id)
    return TimerOrigin(kind)


def origin_to_pb(origin: TimerOrigin | None) -> dict[str, Any]:
    """The oneof's field as keyword arguments; empty where there is no origin."""
    if origin is None:
        return {}
    if origin.kind is TimerOriginKind.EXTERNAL_EVENT:
        return {"external_event": pb.TimerOriginExternalEvent(name=origin.value)}
    if origin.kind is TimerOriginKind.ACTIVITY_RETRY:
        return {"activity_retry": pb.TimerOriginActivityRetry(task_execution_id=origin.value)}
    if origin.kind is TimerOriginKind.CHILD_RETRY:
        return {"child_workflow_retry": pb.TimerOriginChildWorkflowRetry(instance_id=origin.value)}
    return {"create_timer": pb.TimerOriginCreateTimer()}
