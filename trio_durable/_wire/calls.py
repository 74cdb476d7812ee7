"""The requests that have only plain fields, one function each; so that no other room need know a message by name."""

from __future__ import annotations

import trio_durable_proto as pb

from trio_durable._core.events import Event
from trio_durable._wire.events import event_from_pb

__all__ = [
    "by_instance",
    "hello",
    "history",
    "history_events",
    "list_instances",
    "purge",
    "raise_event",
    "rerun",
    "resume",
    "suspend",
    "terminate",
    "work_items",
]


def hello() -> pb.Empty:
    return pb.Empty()


def work_items() -> pb.GetWorkItemsRequest:
    return pb.GetWorkItemsRequest()


def by_instance(instance_id: str, *, payloads: bool = False) -> pb.GetInstanceRequest:
    return pb.GetInstanceRequest(instance_id=instance_id, get_inputs_and_outputs=payloads)


def raise_event(instance_id: str, name: str, payload: str | None) -> pb.RaiseEventRequest:
    return pb.RaiseEventRequest(instance_id=instance_id, name=name, input=payload)


def terminate(instance_id: str, payload: str | None, *, recursive: bool) -> pb.TerminateRequest:
    return pb.TerminateRequest(instance_id=instance_id, output=payload, recursive=recursive)


def suspend(instance_id: str, reason: str | None) -> pb.SuspendRequest:
    return pb.SuspendRequest(instance_id=instance_id, reason=reason)


def resume(instance_id: str, reason: str | None) -> pb.ResumeRequest:
    return pb.ResumeRequest(instance_id=instance_id, reason=reason)


def purge(instance_id: str, *, recursive: bool, force: bool) -> pb.PurgeInstancesRequest:
    message = pb.PurgeInstancesRequest(instance_id=instance_id, recursive=recursive)
    if force:
        message.force = True
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
    instance_id: str, event_id: int, *, new_instance_id: str, payload: str | None, overwrite: bool
) -> pb.RerunWorkflowFromEventRequest:
    return pb.RerunWorkflowFromEventRequest(
        source_instance_id=instance_id,
        event_id=event_id,
        new_instance_id=new_instance_id,
        input=payload,
        overwrite_input=overwrite,
    )
