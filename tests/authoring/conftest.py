"""The roads a flow is tested on: kept in memory, replayed at every turn, over gRPC, and on the real Go sidecar."""

from __future__ import annotations

import itertools
import os
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager

import pytest
import trio

from tests.interop import go
from trio_durable import OrchestrationState, OrchestrationStatus
from trio_durable.testing import Stage, open_stage

_numbers = itertools.count(1)


class Road(Stage):
    """A stage that knows which sidecar it stands on; every run gets instance ids of its own."""

    kind = "memory"
    options: dict[str, int]

    async def open(self, orchestrators: object, activities: object = (), **options: object) -> trio.CancelScope:
        """Start a worker."""
        return await self.work(orchestrators=orchestrators, activities=activities, **self.options, **options)

    async def output(self, orchestrator: object, input: object = None, **options: object) -> object:
        """The result of an instance that must come to a good end."""
        state = await self.end(orchestrator, input, **options)
        state.raise_if_failed()
        assert state.runtime_status is OrchestrationStatus.COMPLETED
        return state.get_output()

    async def end(self, orchestrator: object, input: object = None, **options: object) -> OrchestrationState:
        """The final state of an instance."""
        options.setdefault("instance_id", self.new_id())
        return await self.run(orchestrator, input, **options)

    def new_id(self) -> str:
        return f"authoring-{os.getpid()}-{next(_numbers)}"


@pytest.fixture(scope="module")
def go_sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Go sidecar with a database of its own; for one module, as even idle it keeps a core busy."""
    if not go.binary().is_file():
        pytest.skip("the Go sidecar is not there: install Go and run `make sidecar-go`")
    with go.running(tmp_path_factory.mktemp("go")) as address:
        yield address


@pytest.fixture(params=["memory", "replayed", "grpc", pytest.param("go", marks=pytest.mark.interop)])
async def road(request: pytest.FixtureRequest) -> AsyncIterator[Road]:
    async with _open(request, str(request.param)) as it:
        yield it


@pytest.fixture(params=["memory", "replayed"])
async def embedded(request: pytest.FixtureRequest) -> AsyncIterator[Road]:
    """The embedded sidecar only: for what the Go one does not do."""
    async with _open(request, str(request.param)) as it:
        yield it


@asynccontextmanager
async def _open(request: pytest.FixtureRequest, kind: str) -> AsyncIterator[Road]:
    address = request.getfixturevalue("go_sidecar") if kind == "go" else None
    async with open_stage("grpc" if kind == "grpc" else "memory", address=address) as stage:
        road = Road(stage.client, stage.target, stage.nursery)
        road.kind, road.options = kind, {"max_cached_instances": 0} if kind == "replayed" else {}
        yield road
