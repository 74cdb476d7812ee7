"""The protocol's service: each call is one decision of the hub or the dispatcher, a wait for its commit, an answer."""

from __future__ import annotations

from collections.abc import AsyncIterator

import trio
import trio_durable_proto as pb

from trio_durable._core import events as ev
from trio_durable._core.events import Event, Status
from trio_durable._core.instance import NO_ID
from trio_durable._rpc import current_call
from trio_durable._wire.dialects import reuse_policy
from trio_durable._wire.presence import chosen
from trio_durable._wire.requests import activity_result_from_pb, turn_result_from_pb
from trio_durable._wire.splice import HEALTH_PING, history_response
from trio_durable._wire.states import InstanceState, create_from_pb, state_to_pb
from trio_durable.sidecar import refusals
from trio_durable.sidecar.engine import Engine
from trio_durable.sidecar.refusals import not_found

__all__ = ["SidecarService"]

_STATEFUL_HISTORY = int(pb.WorkerCapability.STATEFUL_HISTORY)
_HEALTH_PING = int(pb.WorkerCapability.HEALTH_PING)

PAGE = 1_000
LARGEST_PAGE = 10_000


def has_started(state: InstanceState) -> bool:
    return state.status is not Status.PENDING


def has_ended(state: InstanceState) -> bool:
    return state.status.is_terminal


class SidecarService(pb.TaskHubSidecarServiceBase):
    """Handlers of one sidecar, for a gRPC server and for in-memory channels alike.

    waits_for_start: StartInstance answers when the instance has begun, not when it is stored.
    heartbeat: seconds between health pings to workers that ask for them.
    """

    def __init__(self, engine: Engine, *, waits_for_start: bool = False, heartbeat: float = 30.0) -> None:
        self._engine = engine
        self._hub = engine.hub
        self._dispatcher = engine.dispatcher
        self._waits_for_start = waits_for_start
        self._heartbeat = heartbeat

    async def hello(self, empty: pb.Empty) -> pb.Empty:
        await trio.lowlevel.checkpoint()
        return pb.Empty()

    # -- clients -----------------------------------------------------------------------------------------------------

    async def start_instance(self, create_instance_request: pb.CreateInstanceRequest) -> pb.CreateInstanceResponse:
        create = create_from_pb(create_instance_request)
        if not create.name:
            raise refusals.invalid("the request names no orchestrator. Expected a name; set it.")
        try:
            policy = reuse_policy(create_instance_request)
        except ValueError as error:
            raise refusals.invalid(f"the reuse policy makes no sense: {error}") from error
        stored = None
        if create.instance_id and (create.enforce_unique or policy is not None):
            stored = await self._engine.read(create.instance_id)
        instance_id = self._hub.start(create, stored=stored, policy=policy)
        await self._engine.decided()
        if self._waits_for_start and create.scheduled_start is None:
            await self._engine.wait_for(instance_id, has_started)
        return pb.CreateInstanceResponse(instance_id=instance_id)

    async def get_instance(self, get_instance_request: pb.GetInstanceRequest) -> pb.GetInstanceResponse:
        state = await self._engine.read(get_instance_request.instance_id)
        return _response(get_instance_request, state)

    async def wait_for_instance_start(self, get_instance_request: pb.GetInstanceRequest) -> pb.GetInstanceResponse:
        state = await self._engine.wait_for(get_instance_request.instance_id, has_started)
        return _response(get_instance_request, state)

    async def wait_for_instance_completion(
        self, get_instance_request: pb.GetInstanceRequest
    ) -> pb.GetInstanceResponse:
        state = await self._engine.wait_for(get_instance_request.instance_id, has_ended)
        return _response(get_instance_request, state)

    async def raise_event(self, raise_event_request: pb.RaiseEventRequest) -> pb.RaiseEventResponse:
        request = raise_event_request
        await self._send(request.instance_id, ev.EventRaised(NO_ID, self._engine.now(), request.name, request.input))
        return pb.RaiseEventResponse()

    async def terminate_instance(self, terminate_request: pb.TerminateRequest) -> pb.TerminateResponse:
        request = terminate_request
        event = ev.ExecutionTerminated(NO_ID, self._engine.now(), request.output, request.recursive)
        if not await self._send(request.instance_id, event) and request.recursive:
            self._hub.terminate_children(request.instance_id, event)
            await self._engine.decided()
        await self._engine.wait_for(request.instance_id, has_ended)
        return pb.TerminateResponse()

    async def suspend_instance(self, suspend_request: pb.SuspendRequest) -> pb.SuspendResponse:
        request = suspend_request
        event = ev.ExecutionSuspended(NO_ID, self._engine.now(), request.reason)
        if await self._send(request.instance_id, event):
            await self._wait_attended(request.instance_id, Status.SUSPENDED)
        return pb.SuspendResponse()

    async def resume_instance(self, resume_request: pb.ResumeRequest) -> pb.ResumeResponse:
        request = resume_request
        event = ev.ExecutionResumed(NO_ID, self._engine.now(), request.reason)
        if await self._send(request.instance_id, event):
            await self._wait_attended(request.instance_id, Status.RUNNING)
        return pb.ResumeResponse()

    async def purge_instances(self, purge_instances_request: pb.PurgeInstancesRequest) -> pb.PurgeInstancesResponse:
        request = purge_instances_request
        if chosen(request, "request") == "purge_instance_filter":
            raise refusals.unimplemented("purging by a filter")
        doomed = await self._to_purge(request.instance_id, recursive=request.recursive, force=bool(request.force))
        self._hub.purge(doomed)
        await self._engine.decided()
        return pb.PurgeInstancesResponse(deleted_instance_count=len(doomed), is_complete=True)

    async def _to_purge(self, instance_id: str, *, recursive: bool, force: bool) -> list[str]:
        """The instance and, if asked for, everything below it, children first.  Raises FAILED_PRECONDITION."""
        doomed: list[str] = []
        found: list[str] = [instance_id]
        while found:
            current = found.pop()
            state = await self._engine.read(current)
            if state is None:
                continue
            if not force and not has_ended(state):
                raise refusals.not_completed(current, state.status)
            doomed.append(current)
            if recursive:
                found.extend(await self._engine.in_store(self._engine.store.children, current))
        return doomed[::-1]

    async def list_instance_i_ds(
        self, list_instance_i_ds_request: pb.ListInstanceIDsRequest
    ) -> pb.ListInstanceIDsResponse:
        request = list_instance_i_ds_request
        size = min(request.page_size or PAGE, LARGEST_PAGE)
        store = self._engine.store
        ids = await self._engine.in_store(
            lambda: store.instance_ids(after=request.continuation_token or None, limit=size)
        )
        response = pb.ListInstanceIDsResponse(instance_ids=ids)
        if len(ids) == size:
            response.continuation_token = ids[-1]
        return response

    async def get_instance_history(
        self, get_instance_history_request: pb.GetInstanceHistoryRequest
    ) -> pb.GetInstanceHistoryResponse:
        instance_id = get_instance_history_request.instance_id
        if await self._engine.read(instance_id) is None:
            raise not_found(instance_id)
        history = await self._engine.in_store(self._engine.store.history, instance_id)
        # Bytes stand for the message on either kind of channel.
        return history_response(data for _, data in history)  # type: ignore[return-value]

    async def rerun_workflow_from_event(
        self, rerun_workflow_from_event_request: pb.RerunWorkflowFromEventRequest
    ) -> pb.RerunWorkflowFromEventResponse:
        raise refusals.unimplemented("running a history again from an event")

    async def _send(self, instance_id: str, event: Event) -> bool:
        """Put an event into an inbox, durably.  False if the instance has ended; raises NOT_FOUND if it is unknown."""
        sent = self._hub.send(instance_id, event)
        await self._engine.decided()
        if not sent and await self._engine.read(instance_id) is None:
            raise not_found(instance_id)
        return sent

    async def _wait_attended(self, instance_id: str, status: Status) -> None:
        """Wait until the instance has this status or has ended; with no worker there, the stored event is enough."""
        if self._dispatcher.streams:
            await self._engine.wait_for(instance_id, lambda state: state.status is status or has_ended(state))

    # -- workers -----------------------------------------------------------------------------------------------------

    async def get_work_items(self, get_work_items_request: pb.GetWorkItemsRequest) -> AsyncIterator[pb.WorkItem]:
        offered = {int(capability) for capability in get_work_items_request.capabilities}
        pings = _HEALTH_PING in offered
        # The headers tell the worker that the stream is open, long before there is work.
        await current_call().send_initial_metadata()
        wake = trio.Event()

        def woken() -> None:
            wake.set()

        stream = self._engine.connect(woken, keeps_history=_STATEFUL_HISTORY in offered)
        try:
            while True:
                wake = trio.Event()
                while stream.outbox:
                    yield stream.outbox.popleft()  # type: ignore[misc]
                    self._engine.kick()
                if wake.is_set():
                    continue
                with trio.move_on_after(self._heartbeat if pings else float("inf")) as patience:
                    await wake.wait()
                if patience.cancelled_caught:
                    yield HEALTH_PING  # type: ignore[misc]
        finally:
            self._engine.disconnect(stream)

    async def complete_activity_task(self, activity_response: pb.ActivityResponse) -> pb.CompleteTaskResponse:
        self._dispatcher.complete_activity(activity_result_from_pb(activity_response))
        await self._engine.decided()
        return pb.CompleteTaskResponse()

    async def complete_workflow_task(self, workflow_response: pb.WorkflowResponse) -> pb.CompleteTaskResponse:
        try:
            result = turn_result_from_pb(workflow_response)
        except ValueError as error:
            raise refusals.invalid(f"the turn's answer makes no sense: {error}") from error
        self._dispatcher.complete_turn(result)
        await self._engine.decided()
        return pb.CompleteTaskResponse()

    async def complete_orchestrator_task(self, workflow_response: pb.WorkflowResponse) -> pb.CompleteTaskResponse:
        """The older name of `complete_workflow_task`."""
        return await self.complete_workflow_task(workflow_response)


def _response(request: pb.GetInstanceRequest, state: InstanceState | None) -> pb.GetInstanceResponse:
    if state is None:
        return pb.GetInstanceResponse(exists=False)
    return pb.GetInstanceResponse(
        exists=True, workflow_state=state_to_pb(state, payloads=request.get_inputs_and_outputs)
    )
