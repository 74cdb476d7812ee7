"""The requests that have only plain fields, one function each; so that no other room need know a message by name."""

from __future__ import annotations

import trio_durable_proto as pb

from trio_durable._core.events import Event, Router
from trio_durable._wire.common import router_to_pb, status_to_pb
from trio_durable._wire.events import event_from_pb
from trio_durable._wire.presence import present
from trio_durable._wire.states import PurgeFilter
from trio_durable._wire.times import time_to_pb

__all__ = [
    "ByInstance",
    "GotInstance",
    "by_instance",
    "hello",
    "history",
    "history_events",
    "list_instances",
    "purge",
    "purge_by",
    "raise_event",
    "rerun",
    "resume",
    "suspend",
    "terminate",
    "work_items",
]


#: A question about one instance, and its answer.
ByInstance = pb.GetInstanceRequest
GotInstance = pb.GetInstanceResponse


def hello() -> pb.Empty:
    return pb.Empty()


def work_items(*, keeps_history: bool = False) -> pb.GetWorkItemsRequest:
    """keeps_history: turns of instances that this worker has seen may come without the history that it has seen."""
    capabilities = [pb.WorkerCapability(pb.WorkerCapability.STATEFUL_HISTORY)] if keeps_history else []
    return pb.GetWorkItemsRequest(capabilities=capabilities)


def by_instance(instance_id: str, *, payloads: bool = False, app_id: str | None = None) -> pb.GetInstanceRequest:
    message = pb.GetInstanceRequest(instance_id=instance_id, get_inputs_and_outputs=payloads)
    message.router = _to(app_id)
    return message


def raise_event(
    instance_id: str, name: str, payload: str | None, *, app_id: str | None = None
) -> pb.RaiseEventRequest:
    message = pb.RaiseEventRequest(instance_id=instance_id, name=name, input=payload)
    message.router = _to(app_id)
    return message


def terminate(
    instance_id: str, payload: str | None, *, recursive: bool, app_id: str | None = None
) -> pb.TerminateRequest:
    message = pb.TerminateRequest(instance_id=instance_id, output=payload, recursive=recursive)
    message.router = _to(app_id)
    return message


def suspend(instance_id: str, reason: str | None, *, app_id: str | None = None) -> pb.SuspendRequest:
    message = pb.SuspendRequest(instance_id=instance_id, reason=reason)
    message.router = _to(app_id)
    return message


def resume(instance_id: str, reason: str | None, *, app_id: str | None = None) -> pb.ResumeRequest:
    message = pb.ResumeRequest(instance_id=instance_id, reason=reason)
    message.router = _to(app_id)
    return message


def purge(
    instance_id: str, *, recursive: bool, force: bool, app_id: str | None = None
) -> pb.PurgeInstancesRequest:
    message = pb.PurgeInstancesRequest(instance_id=instance_id, recursive=recursive)
    return _purge(message, force, app_id)


def purge_by(
    wanted: PurgeFilter, *, recursive: bool, force: bool, app_id: str | None = None
) -> pb.PurgeInstancesRequest:
    criteria = pb.PurgeInstanceFilter(runtime_status=[status_to_pb(status) for status in wanted.statuses])
    if wanted.created_from is not None:
        criteria.created_time_from = time_to_pb(wanted.created_from)
    if wanted.created_to is not None:
        criteria.created_time_to = time_to_pb(wanted.created_to)
    message = pb.PurgeInstancesRequest(purge_instance_filter=present(criteria), recursive=recursive)
    return _purge(message, force, app_id)


def _purge(message: pb.PurgeInstancesRequest, force: bool, app_id: str | None) -> pb.PurgeInstancesRequest:
    if force:
        message.force = True
    message.router = _to(app_id)
    return message


def list_instances(continuation: str | None, page_size: int | None) -> pb.ListInstanceIDsRequest:
    message = pb.ListInstanceIDsRequest()
    if continuation is not None:
        message.continuation_token = continuation
    if page_size is not None:
        message.page_size = page_size
    return message


def history(instance_id: str) -> pb.GetInstanceHistoryRequest:
    return pb.GetInstanceHistoryRequest(instance_id=instance_id)


def history_events(response: pb.GetInstanceHistoryResponse) -> list[Event]:
    return [event_from_pb(event) for event in response.events]


def rerun(
    instance_id: str,
    event_id: int,
    *,
    new_instance_id: str,
    new_child_instance_id: str | None,
    payload: str | None,
    overwrite: bool,
    app_id: str | None = None,
) -> pb.RerunWorkflowFromEventRequest:
    message = pb.RerunWorkflowFromEventRequest(
        source_instance_id=instance_id,
        event_id=event_id,
        new_instance_id=new_instance_id,
        input=payload,
        overwrite_input=overwrite,
    )
    message.new_child_workflow_instance_id = new_child_instance_id
    message.router = _to(app_id)
    return message


def _to(app_id: str | None) -> pb.TaskRouter | None:
    return None if app_id is None else router_to_pb(Router(target_app_id=app_id))
