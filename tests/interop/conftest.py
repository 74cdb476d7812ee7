"""One stage, three sidecars: in memory, embedded behind gRPC, and the real Go one."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Callable, Iterator
from typing import Any

import pytest
import trio

from tests.interop import flows, go
from tests.patience import PATIENCE
from trio_durable import Client, OrchestrationState, OrchestrationStatus
from trio_durable.testing import Stage, open_stage


@pytest.fixture(scope="module")
def go_sidecar(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """The address of a Go sidecar with a database of its own; for one module, as even idle it keeps a core busy."""
    if not go.binary().is_file():
        pytest.skip("the Go sidecar is not there: install Go and run `make sidecar-go`")
    with go.running(tmp_path_factory.mktemp("go")) as address:
        yield address


async def until(
    client: Client, instance_id: str, holds: Callable[[OrchestrationState], bool]
) -> OrchestrationState:
    """Ask for the state, once there is one, until `holds` is true of it: nothing of the protocol waits for that."""
    with trio.fail_after(PATIENCE):
        while True:
            state = await client.get_orchestration_state(instance_id)
            if state is not None and holds(state):
                return state
            await trio.sleep(0.01)


class Staged(Stage):
    """A stage with a worker that has every orchestration of `flows`, and what these tests say again and again."""

    kind = "memory"

    async def start(self, orchestrator: Any, input: object = None, **options: Any) -> str:
        """Schedule an instance and wait until it has started."""
        instance_id = await self.client.schedule_new_orchestration(orchestrator, input=input, **options)
        await self.client.wait_for_orchestration_start(instance_id, timeout=PATIENCE)
        return instance_id

    async def has(self, instance_id: str, *kinds: str) -> None:
        """Wait until the instance's history has so many events of these kinds."""
        wanted = Counter(kinds)
        with trio.fail_after(PATIENCE):
            while wanted - Counter(each.kind for each in await self.client.get_orchestration_history(instance_id)):
                await trio.sleep(0.01)

    async def end(self, instance_id: str) -> OrchestrationState:
        """Wait for an instance's end."""
        return await self.client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)

    async def output(self, orchestrator: Any, input: object = None) -> Any:
        """Run an instance to its end, which must be a good one; gives its result."""
        state = await self.run(orchestrator, input, patience=PATIENCE)
        state.raise_if_failed()
        assert state.runtime_status is OrchestrationStatus.COMPLETED
        return state.get_output()

    async def reaches(self, instance_id: str, wanted: OrchestrationStatus) -> OrchestrationState:
        """The state once its status is `wanted`."""
        return await until(self.client, instance_id, lambda state: state.runtime_status is wanted)


@pytest.fixture(params=["memory", "embedded-grpc", pytest.param("go", marks=pytest.mark.interop)])
def sidecar(request: pytest.FixtureRequest) -> tuple[str, str | None]:
    """The kind of sidecar, and the address of the Go one."""
    kind = str(request.param)
    return kind, request.getfixturevalue("go_sidecar") if kind == "go" else None


@pytest.fixture
async def stage(sidecar: tuple[str, str | None]) -> AsyncIterator[Staged]:
    kind, address = sidecar
    async with open_stage("memory" if kind == "memory" else "grpc", address=address) as made:
        stage = Staged(made.client, made.target, made.nursery)
        stage.kind = kind
        await stage.work(orchestrators=flows.ORCHESTRATORS, activities=flows.ACTIVITIES)
        yield stage
