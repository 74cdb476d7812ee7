"""The service's messages, unpacked for whoever serves them.

`MessageService` is the service base that gRPC servers and in-memory channels know; behind it stands an object with
`Calls`, which knows no message.  Each handler unpacks, asks, packs.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterable
from typing import Protocol

import trio_durable_proto as pb

from trio_durable._wire.dialects import ReusePolicy, reuse_policy
from trio_durable._wire.presence import chosen
from trio_durable._wire.requests import ActivityResult, TurnResult, activity_result_from_pb, turn_result_from_pb
from trio_durable._wire.splice import history_response
from trio_durable._wire.states import (
    CreateInstance,
    InstanceState,
    PurgeFilter,
    create_from_pb,
    purge_filter_from_pb,
    state_to_pb,
)

__all__ = ["Calls", "MessageService"]


class Calls(Protocol):
    """What a sidecar does, in words of its own.  Each call raises the error that the caller is to get."""

    async def hello(self) -> None: ...

    async def start(self, create: CreateInstance, policy: ReusePolicy | None) -> str: ...

    async def get(self, instance_id: str) -> InstanceState | None: ...

    async def wait_started(self, instance_id: str) -> InstanceState | None: ...

    async def wait_ended(self, instance_id: str) -> InstanceState | None: ...

    async def raise_event(self, instance_id: str, name: str, payload: str | None) -> None: ...

    async def terminate(self, instance_id: str, output: str | None, *, recursive: bool) -> None: ...

    async def suspend(self, instance_id: str, reason: str | None) -> None: ...

    async def resume(self, instance_id: str, reason: str | None) -> None: ...

    async def purge(self, instance_id: str, *, recursive: bool, force: bool) -> int: ...

    async def purge_by(self, wanted: PurgeFilter, *, recursive: bool, force: bool) -> int: ...

    async def instance_ids(self, after: str | None, size: int | None) -> tuple[list[str], str | None]: ...

    async def history(self, instance_id: str) -> Iterable[bytes]: ...

    async def rerun(
        self,
        source: str,
        event_id: int,
        new_instance_id: str,
        payload: str | None,
        *,
        overwrite: bool,
        new_child_instance_id: str = "",
    ) -> str: ...

    def work(self, *, keeps_history: bool, wants_pings: bool) -> AsyncIterator[bytes]: ...

    async def complete_turn(self, result: TurnResult) -> None: ...

    async def complete_activity(self, result: ActivityResult) -> None: ...

    def invalid(self, text: str) -> Exception:
        """The error for a message that makes no sense."""
        ...


class MessageService(pb.TaskHubSidecarServiceBase):
    """Every handler of the protocol's service, on top of `Calls`."""

    def __init__(self, calls: Calls) -> None:
        self._calls = calls

    async def hello(self, empty: pb.Empty) -> pb.Empty:
        await self._calls.hello()
        return pb.Empty()

    # -- clients -----------------------------------------------------------------------------------------------------

    async def start_instance(self, create_instance_request: pb.CreateInstanceRequest) -> pb.CreateInstanceResponse:
        try:
            policy = reuse_policy(create_instance_request)
        except ValueError as error:
            raise self._calls.invalid(f"the reuse policy makes no sense: {error}") from error
        instance_id = await self._calls.start(create_from_pb(create_instance_request), policy)
        return pb.CreateInstanceResponse(instance_id=instance_id)

    async def get_instance(self, get_instance_request: pb.GetInstanceRequest) -> pb.GetInstanceResponse:
        return _state(get_instance_request, await self._calls.get(get_instance_request.instance_id))

    async def wait_for_instance_start(self, get_instance_request: pb.GetInstanceRequest) -> pb.GetInstanceResponse:
        return _state(get_instance_request, await self._calls.wait_started(get_instance_request.instance_id))

    async def wait_for_instance_completion(
        self, get_instance_request: pb.GetInstanceRequest
    ) -> pb.GetInstanceResponse:
        return _state(get_instance_request, await self._calls.wait_ended(get_instance_request.instance_id))

    async def raise_event(self, raise_event_request: pb.RaiseEventRequest) -> pb.RaiseEventResponse:
        request = raise_event_request
        await self._calls.raise_event(request.instance_id, request.name, request.input)
        return pb.RaiseEventResponse()

    async def terminate_instance(self, terminate_request: pb.TerminateRequest) -> pb.TerminateResponse:
        request = terminate_request
        await self._calls.terminate(request.instance_id, request.output, recursive=request.recursive)
        return pb.TerminateResponse()

    async def suspend_instance(self, suspend_request: pb.SuspendRequest) -> pb.SuspendResponse:
        await self._calls.suspend(suspend_request.instance_id, suspend_request.reason)
        return pb.SuspendResponse()

    async def resume_instance(self, resume_request: pb.ResumeRequest) -> pb.ResumeResponse:
        await self._calls.resume(resume_request.instance_id, resume_request.reason)
        return pb.ResumeResponse()

    async def purge_instances(self, purge_instances_request: pb.PurgeInstancesRequest) -> pb.PurgeInstancesResponse:
        request = purge_instances_request
        options = {"recursive": request.recursive, "force": bool(request.force)}
        if chosen(request, "request") == "purge_instance_filter":
            count = await self._calls.purge_by(purge_filter_from_pb(request.purge_instance_filter), **options)
        else:
            count = await self._calls.purge(request.instance_id, **options)
        return pb.PurgeInstancesResponse(deleted_instance_count=count, is_complete=True)

    async def list_instance_i_ds(
        self, list_instance_i_ds_request: pb.ListInstanceIDsRequest
    ) -> pb.ListInstanceIDsResponse:
        request = list_instance_i_ds_request
        ids, continuation = await self._calls.instance_ids(request.continuation_token or None, request.page_size)
        response = pb.ListInstanceIDsResponse(instance_ids=ids)
        if continuation is not None:
            response.continuation_token = continuation
        return response

    async def get_instance_history(
        self, get_instance_history_request: pb.GetInstanceHistoryRequest
    ) -> pb.GetInstanceHistoryResponse:
        history = await self._calls.history(get_instance_history_request.instance_id)
        # Bytes stand for the message on either kind of channel.
        return history_response(history)  # type: ignore[return-value]

    async def rerun_workflow_from_event(
        self, rerun_workflow_from_event_request: pb.RerunWorkflowFromEventRequest
    ) -> pb.RerunWorkflowFromEventResponse:
        request = rerun_workflow_from_event_request
        new_instance_id = await self._calls.rerun(
            request.source_instance_id,
            request.event_id,
            request.new_instance_id or "",
            request.input,
            overwrite=request.overwrite_input,
            new_child_instance_id=request.new_child_workflow_instance_id or "",
        )
        return pb.RerunWorkflowFromEventResponse(new_instance_id=new_instance_id)

    # -- workers -----------------------------------------------------------------------------------------------------

    def get_work_items(self, get_work_items_request: pb.GetWorkItemsRequest) -> AsyncIterator[pb.WorkItem]:
        """The items, as bytes; the iterator is the sidecar's own, so that closing it closes nothing but it."""
        offered = {int(capability) for capability in get_work_items_request.capabilities}
        return self._calls.work(  # type: ignore[return-value]
            keeps_history=int(pb.WorkerCapability.STATEFUL_HISTORY) in offered,
            wants_pings=int(pb.WorkerCapability.HEALTH_PING) in offered,
        )

    async def complete_activity_task(self, activity_response: pb.ActivityResponse) -> pb.CompleteTaskResponse:
        await self._calls.complete_activity(activity_result_from_pb(activity_response))
        return pb.CompleteTaskResponse()

    async def complete_workflow_task(self, workflow_response: pb.WorkflowResponse) -> pb.CompleteTaskResponse:
        try:
            result = turn_result_from_pb(workflow_response)
        except ValueError as error:
            raise self._calls.invalid(f"the turn's answer makes no sense: {error}") from error
        await self._calls.complete_turn(result)
        return pb.CompleteTaskResponse()

    async def complete_orchestrator_task(self, workflow_response: pb.WorkflowResponse) -> pb.CompleteTaskResponse:
        """The older name of `complete_workflow_task`."""
        return await self.complete_workflow_task(workflow_response)


def _state(request: pb.GetInstanceRequest, state: InstanceState | None) -> pb.GetInstanceResponse:
    if state is None:
        return pb.GetInstanceResponse(exists=False)
    message = state_to_pb(state, payloads=request.get_inputs_and_outputs)
    return pb.GetInstanceResponse(exists=True, workflow_state=message)
