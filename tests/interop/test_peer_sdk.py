"""An unmodified SDK of others, `durabletask-dapr` 0.17.4 on grpcio, as client and as worker of our sidecar.

It runs in an environment and a process of its own; what it does there stands in `peers/`.
"""

from __future__ import annotations

import json
import subprocess
from collections.abc import AsyncIterator
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.interop import flows
from tests.interop.conftest import until
from tests.patience import PATIENCE
from trio_durable import Client, OrchestrationStatus, Worker
from trio_durable.sidecar import open_sidecar

pytestmark = [pytest.mark.interop, pytest.mark.peer]

PEERS = Path(__file__).parent / "peers"


@pytest.fixture
def peer(peer_python) -> Path:
    return peer_python("durabletask-dapr")


@pytest.fixture
async def address() -> AsyncIterator[str]:
    async with open_sidecar() as sidecar:
        yield await sidecar.serve()


@pytest.fixture
async def findings(peer: Path, address: str) -> dict[str, dict[str, Any]]:
    """What the peer's client saw, step by step, while our worker did the work."""
    worker = Worker(address)
    for orchestrator in flows.ORCHESTRATORS:
        worker.add_orchestrator(orchestrator)
    for activity in flows.ACTIVITIES:
        worker.add_activity(activity)
    async with trio.open_nursery() as nursery:
        await nursery.start(worker.serve)
        with trio.fail_after(PATIENCE):
            ran = await trio.run_process(
                [peer, PEERS / "client.py", address], capture_stdout=True, capture_stderr=True, check=False
            )
        nursery.cancel_scope.cancel()
    assert ran.returncode == 0, ran.stderr.decode()
    lines = [json.loads(line) for line in ran.stdout.splitlines()]
    return {line.pop("step"): line for line in lines}


async def test_peer_as_client(findings: dict[str, dict[str, Any]]) -> None:
    assert findings["chain"] == {"status": "COMPLETED", "output": ["Hello Tokyo!", "Hello Seattle!", "Hello London!"]}
    assert findings["fan_out"] == {
        "id": "peer-chosen", "status": "COMPLETED", "output": sum(k * k for k in range(100))
    }  # fmt: skip
    assert findings["event"] == {"started": "RUNNING", "output": {"from": "peer", "zero": 0}}
    assert findings["suspend"] == {"suspended": "SUSPENDED", "output": "while suspended"}
    assert findings["terminate"] == {"status": "TERMINATED", "output": ["stopped", 0]}
    assert findings["failure"] == {"status": "FAILED", "message": "no pears left"}
    assert findings["purge"] == {"gone": True}


@pytest.fixture
async def client(peer: Path, address: str) -> AsyncIterator[Client]:
    """Our client, with the peer's worker on the other side of the sidecar."""
    run = partial(trio.run_process, [peer, PEERS / "worker.py", address], stdin=subprocess.PIPE, check=False)
    async with trio.open_nursery() as nursery, Client(address) as ours:
        process = await nursery.start(partial(run, capture_stdout=False))
        yield ours
        await process.stdin.aclose()
        with trio.move_on_after(PATIENCE):
            await process.wait()
        nursery.cancel_scope.cancel()


async def test_peer_as_worker(client: Client) -> None:
    instance_id = await client.schedule_new_orchestration("tour", input=["oslo", "bern"])
    # The peer sends a custom status as it is, not as JSON.
    await until(client, instance_id, lambda state: state.serialized_custom_status == "waiting")
    await client.raise_orchestration_event(instance_id, "next", data={"zero": 0})
    state = await client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)
    state.raise_if_failed()
    output = state.get_output()
    assert output.pop("slept") >= 0.2
    assert output == {
        "shouts": ["OSLO!", "BERN!"], "together": ["OSLO!", "BERN!"], "event": {"zero": 0}, "child": "ROME!"
    }  # fmt: skip


async def test_failure_in_the_peers_worker(client: Client) -> None:
    instance_id = await client.schedule_new_orchestration("trips", input="stand")
    state = await client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)
    assert state.runtime_status is OrchestrationStatus.FAILED
    assert state.failure_details is not None
    assert "cannot stand" in state.failure_details.error_message


async def test_peers_worker_continues_as_new(client: Client) -> None:
    instance_id = await client.schedule_new_orchestration("rounds", input=3)
    state = await client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)
    assert state.get_output() == "home"


async def test_terminate_and_suspend_on_the_peers_worker(client: Client) -> None:
    instance_id = await client.schedule_new_orchestration("tour", input=["oslo"])
    # In the middle of things: this SDK still sends actions in the turn in which it is suspended, and sends them again.
    await client.suspend_orchestration(instance_id)
    await until(client, instance_id, lambda state: state.runtime_status is OrchestrationStatus.SUSPENDED)
    await client.resume_orchestration(instance_id)
    await client.terminate_orchestration(instance_id, output="enough")
    state = await client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)
    assert (state.runtime_status, state.get_output()) == (OrchestrationStatus.TERMINATED, "enough")
