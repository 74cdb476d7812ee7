"""The synchronous door: a worker and a client for code that is not async."""

from __future__ import annotations

import os
import subprocess
import sys
import threading
from contextlib import contextmanager

import pytest
import trio

from tests.authoring import flows
from tests.patience import PATIENCE
from trio_durable import BlockingClient, Client, NotFoundError, OrchestrationStatus, Worker
from trio_durable.sidecar import open_sidecar


async def chain(ctx, n: int):
    return await ctx.call_activity(flows.echo, input=n + 1)


def chain_generator(ctx, n: int):
    return (yield ctx.call_activity(flows.echo, input=n + 1))


async def waits(ctx):
    return await ctx.wait_for_external_event("go")


@contextmanager
def sidecar_in_a_thread():
    """An embedded sidecar's address; the sidecar has a Trio run of its own."""
    ready, box = threading.Event(), {}

    async def main():
        box["token"], box["stop"] = trio.lowlevel.current_trio_token(), trio.Event()
        async with open_sidecar() as sidecar:
            box["address"] = await sidecar.serve()
            ready.set()
            await box["stop"].wait()

    thread = threading.Thread(target=trio.run, args=(main,))
    thread.start()
    assert ready.wait(PATIENCE)
    yield box["address"]
    box["token"].run_sync_soon(box["stop"].set)
    thread.join()


def test_worker_and_client_without_async():
    with sidecar_in_a_thread() as address:
        worker = Worker(address)
        for orchestrator in (chain, chain_generator, waits):
            worker.add_orchestrator(orchestrator)
        worker.add_activity(flows.echo)
        with worker.running() as same, BlockingClient(address) as client:
            assert same is worker
            for flow in (chain, chain_generator):
                instance_id = client.schedule_new_orchestration(flow, input=1)
                assert client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE).get_output() == 2
            instance_id = client.schedule_new_orchestration(waits, instance_id="w")
            started = client.wait_for_orchestration_start("w", timeout=PATIENCE)
            assert started.runtime_status is OrchestrationStatus.RUNNING
            with pytest.raises(TimeoutError):
                client.wait_for_orchestration_completion("w", timeout=0.05)
            client.suspend_orchestration("w")
            client.resume_orchestration("w")
            client.raise_orchestration_event("w", "go", data=0)
            assert client.wait_for_orchestration_completion("w", timeout=PATIENCE).get_output() == 0
            assert len(client.list_instance_ids()) == 3
            assert client.get_orchestration_history("w")[-1].kind == "ExecutionCompleted"
            assert client.purge_orchestration("w") == 1
            assert client.get_orchestration_state("w") is None
            with pytest.raises(NotFoundError):
                client.wait_for_orchestration_completion("w")
        with pytest.raises(RuntimeError, match="not open"):
            client.list_instance_ids()
    # Threads of Trio's pool end by themselves some seconds later; those that are ours are gone.
    ours = [thread.name for thread in threading.enumerate() if "trio_durable" in thread.name]
    assert not ours


def test_a_program_that_serves_at_its_top_level_is_told_of_the_guard(tmp_path):
    # Its file is executed for every instance: what it does there must not be done again.
    script = tmp_path / "unguarded.py"
    script.write_text(
        "from trio_durable import BlockingClient, Worker\n"
        "worker = Worker()\n"
        "@worker.orchestrator\n"
        "async def flow(ctx): return 1\n"
        "with worker.running(), BlockingClient() as client:\n"
        "    state = client.wait_for_orchestration_completion(client.schedule_new_orchestration(flow), timeout=100)\n"
        "    print(state.runtime_status.name + ': ' + state.failure_details.error_message)\n",
        encoding="utf-8",
    )
    with sidecar_in_a_thread() as address:
        environment = {**os.environ, "DAPR_GRPC_ENDPOINT": address}
        ran = subprocess.run(
            [sys.executable, "-W", "error", script],
            env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False,
        )  # fmt: skip
    assert ran.returncode == 0, ran.stderr
    assert ran.stdout.startswith("FAILED: ")
    assert 'in the host program, under `if __name__ == "__main__":`' in ran.stdout


def test_a_channel_belongs_to_another_run():
    with pytest.raises(TypeError, match="needs an address"):
        BlockingClient(object())  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="needs an address"), Worker(object()).running():
        pass


def test_it_has_every_method_of_the_client():
    def public(cls):
        return {name for name in vars(cls) if not name.startswith("_")}

    assert public(BlockingClient) == public(Client)
