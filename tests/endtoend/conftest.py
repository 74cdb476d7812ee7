"""A worker, a client and an embedded sidecar in one Trio run, over memory or over gRPC on loopback."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from typing import Any

import pytest
import trio

from trio_durable import Client, Worker
from trio_durable.sidecar import open_sidecar


class Stage:
    """What a test plays on."""

    def __init__(self, client: Client, target: Any, nursery: trio.Nursery) -> None:
        self.client = client
        self.target = target
        self.nursery = nursery

    async def work(self, *, orchestrators: Any = (), activities: Any = (), **options: Any) -> trio.CancelScope:
        """Start a worker; cancelling the scope that is returned stops it."""
        worker = Worker(self.target, **options)
        for function in orchestrators:
            worker.add_orchestrator(function)
        for function in activities:
            worker.add_activity(function)
        scope = trio.CancelScope()

        async def serve(task_status: trio.TaskStatus[None]) -> None:
            with scope:
                await worker.serve(task_status=task_status)

        await self.nursery.start(serve)
        return scope

    async def run(self, orchestrator: Any, input: object = None, **options: Any) -> Any:
        """Start an instance and give its final state."""
        instance_id = await self.client.schedule_new_orchestration(orchestrator, input=input, **options)
        return await self.client.wait_for_orchestration_completion(instance_id, timeout=20)


Stages = Callable[..., Any]


@asynccontextmanager
async def open_stage(transport: str, path: str = ":memory:") -> AsyncIterator[Stage]:
    async with open_sidecar(path) as sidecar:
        target = sidecar.channel() if transport == "memory" else await sidecar.serve()
        async with trio.open_nursery() as nursery, Client(target) as client:
            yield Stage(client, target, nursery)
            nursery.cancel_scope.cancel()


@pytest.fixture(params=["memory", "grpc"])
def transport(request: pytest.FixtureRequest) -> str:
    return str(request.param)


@pytest.fixture
async def stage(transport: str) -> AsyncIterator[Stage]:
    async with open_stage(transport) as it:
        yield it
