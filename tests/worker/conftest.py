"""A hub that a test plays by hand: it hands out the work items it is told to and keeps the answers."""

from __future__ import annotations

import math
from collections.abc import AsyncIterator

import pytest
import trio
import trio_durable_proto as pb

from trio_durable._core import events as ev
from trio_durable._rpc import MemoryChannel
from trio_durable._wire.events import event_to_pb


class Hub(pb.TaskHubSidecarServiceBase):
    """The service half, by hand."""

    def __init__(self) -> None:
        self.put, self.take = trio.open_memory_channel[pb.WorkItem](math.inf)
        self.put_answer, self.answers = trio.open_memory_channel[object](math.inf)
        self.streams = 0
        self.errors: list[Exception] = []
        self.hellos = 0
        self.capabilities: list[int] = []
        #: what GetInstanceHistory answers; bytes are the answer as it is
        self.histories: dict[str, tuple[ev.Event, ...] | bytes] = {}

    async def hello(self, message: pb.Empty) -> pb.Empty:
        self.hellos += 1
        return pb.Empty()

    async def get_work_items(self, message: pb.GetWorkItemsRequest) -> AsyncIterator[pb.WorkItem]:
        self.streams += 1
        self.capabilities = list(message.capabilities)
        async for item in self.take.clone():
            if item is None:
                return
            yield item

    async def get_instance_history(self, message: pb.GetInstanceHistoryRequest) -> pb.GetInstanceHistoryResponse:
        if self.errors:
            raise self.errors.pop(0)
        history = self.histories[message.instance_id]
        if isinstance(history, bytes):
            return history  # type: ignore[return-value]
        return pb.GetInstanceHistoryResponse(events=[event_to_pb(event) for event in history])

    async def complete_orchestrator_task(self, message: pb.WorkflowResponse) -> pb.CompleteTaskResponse:
        return self._keep(message)

    async def complete_activity_task(self, message: pb.ActivityResponse) -> pb.CompleteTaskResponse:
        return self._keep(message)

    def _keep(self, message: object) -> pb.CompleteTaskResponse:
        if self.errors:
            raise self.errors.pop(0)
        self.put_answer.send_nowait(message)
        return pb.CompleteTaskResponse()

    def turn(
        self,
        *new: ev.Event,
        past: tuple[ev.Event, ...] = (),
        token: str = "t",
        instance: str = "i",
        cached: int | None = None,
    ) -> None:
        request = pb.WorkflowRequest(
            instance_id=instance,
            past_events=[event_to_pb(event) for event in past],
            new_events=[event_to_pb(event) for event in (ev.OrchestratorStarted(-1, 10**18), *new)],
        )
        if cached is not None:
            request.cached_history = pb.CachedHistory(event_count=cached)
        self.put.send_nowait(pb.WorkItem(workflow_request=request, completion_token=token))

    def start(self, name: str, payload: str | None = None, *, instance: str = "i") -> None:
        self.turn(ev.ExecutionStarted(-1, 10**18, name, payload, instance, "e"), instance=instance)

    def activity(self, name: str, payload: str | None = None, *, task_id: int = 1, token: str = "t") -> None:
        self.put.send_nowait(
            pb.WorkItem(
                activity_request=pb.ActivityRequest(
                    name=name, input=payload, task_id=task_id, workflow_instance=pb.WorkflowInstance(instance_id="i")
                ),
                completion_token=token,
            )
        )


@pytest.fixture
def hub() -> Hub:
    return Hub()


@pytest.fixture
def channel(hub: Hub) -> MemoryChannel:
    return MemoryChannel([hub])
