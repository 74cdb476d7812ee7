"""`open_stage`: a sidecar, a client and workers in one Trio run, for tests of a whole application in real time.

`open_test_environment` is faster and has a clock of its own; a stage shows what only the real road shows: the wire, the
stored bytes, workers that stop and start.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager
from typing import Any, Literal

import trio

from trio_durable._client import Client, OrchestrationState
from trio_durable._worker.serve import Worker
from trio_durable.sidecar import open_sidecar

__all__ = ["Stage", "open_stage"]


class Stage:
    """A client, and workers beside it; `open_stage` makes it.

    client: connected.  target: what a `Client` or `Worker` of your own takes to join.  nursery: for what else a test
    runs; it is cancelled when the stage is closed.
    """

    def __init__(self, client: Client, target: Any, nursery: trio.Nursery) -> None:
        self.client = client
        self.target = target
        self.nursery = nursery

    async def work(
        self,
        *,
        orchestrators: Iterable[Callable[..., Any]] = (),
        activities: Iterable[Callable[..., Any]] = (),
        **options: Any,
    ) -> trio.CancelScope:
        """Start a worker, with `Worker`'s options; cancelling the scope that is returned stops it."""
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

    async def run(
        self, orchestrator: Callable[..., Any] | str, input: object = None, *, patience: float = 60, **options: Any
    ) -> OrchestrationState:
        """Start an instance and give its final state, however it ended.

        patience: seconds to wait; TimeoutError after them.  options: those of `schedule_new_orchestration`.
        """
        instance_id = await self.client.schedule_new_orchestration(orchestrator, input=input, **options)
        return await self.client.wait_for_orchestration_completion(instance_id, timeout=patience)


@asynccontextmanager
async def open_stage(
    transport: Literal["memory", "grpc"] = "memory", path: str = ":memory:", *, address: str | None = None
) -> AsyncIterator[Stage]:
    """A sidecar with a client, for as long as the `async with` block lasts.

    transport: calls in memory, or gRPC on a free loopback port.  path: of the SQLite file.
    address: a sidecar that is running already, a Go one for example, instead of an embedded one.
    """
    if address is not None:
        async with _at(address) as stage:
            yield stage
        return
    async with open_sidecar(path) as sidecar:
        target = sidecar.channel() if transport == "memory" else await sidecar.serve()
        async with _at(target) as stage:
            yield stage


@asynccontextmanager
async def _at(target: Any) -> AsyncIterator[Stage]:
    async with trio.open_nursery() as nursery, Client(target) as client:
        yield Stage(client, target, nursery)
        nursery.cancel_scope.cancel()
