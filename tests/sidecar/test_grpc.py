"""The same service over gRPC on loopback, and on a SQLite file."""

from __future__ import annotations

import pytest
import trio
import trio_durable_proto as pb

from tests.patience import PATIENCE
from trio_durable._core.events import Status
from trio_durable._rpc import GRPCError, RpcStatus, open_channel
from trio_durable._wire.requests import ActivityResult
from trio_durable.sidecar import open_sidecar


@pytest.fixture
async def wire(tmp_path, worker_class, client_class, scripts):
    async with open_sidecar(tmp_path / "x.db") as sidecar:
        address = await sidecar.serve()
        async with open_channel(address) as mine, open_channel(address) as theirs, trio.open_nursery() as nursery:
            worker = worker_class(mine, scripts)
            nursery.start_soon(worker.serve)
            yield sidecar, address, worker, client_class(theirs)
            nursery.cancel_scope.cancel()


async def test_chains_at_once(wire):
    _, _, worker, client = wire
    worker.run_activity = lambda activity: ActivityResult(activity.instance_id, activity.task_id, activity.input)

    async def one(name: str) -> None:
        await client.start("chain", name, f'"{name}"')
        state = await client.ended(name)
        assert (state.status, state.output) == (Status.COMPLETED, f'"{name}"')

    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            for number in range(20):
                nursery.start_soon(one, f"i{number}")
    assert len(await client.history("i7")) == 4 + 1 + 3 * 2 + 1


async def test_large_payloads_and_a_limit(wire):
    sidecar, _, _, client = wire
    payload = '"' + "x" * 6_000_000 + '"'
    await client.start("chain", "big", payload)
    assert (await client.ended("big")).output == payload
    address = await sidecar.serve(max_message_length=1_000_000)
    async with open_channel(address) as channel:
        with pytest.raises(GRPCError) as caught:
            await type(client)(channel).start("chain", "bigger", payload)
        assert caught.value.status is RpcStatus.RESOURCE_EXHAUSTED
    assert await client.state("bigger") is None


async def test_in_process_and_over_the_wire_are_one_sidecar(wire):
    sidecar, _, _, client = wire
    inside = type(client)(sidecar.channel())
    await inside.start("chain", "a", "1")
    assert await client.ended("a") == await inside.ended("a")


async def test_the_stream_opens_before_there_is_work(wire):
    sidecar, address, _, _ = wire
    async with open_channel(address) as channel:
        path = "/TaskHubSidecarService/GetWorkItems"
        cardinality = type(sidecar._service).__mapping__(sidecar._service)[path].cardinality
        with trio.fail_after(PATIENCE):
            async with channel.request(path, cardinality, pb.GetWorkItemsRequest, bytes) as call:
                await call.send_message(pb.GetWorkItemsRequest(), end=True)
                await call.recv_initial_metadata()


async def test_hello_and_both_names_of_completion(wire, client_class):
    _, _, _, client = wire
    assert await client.stub.hello(pb.Empty()) == pb.Empty()
    for complete in (client.stub.complete_workflow_task, client.stub.complete_orchestrator_task):
        with pytest.raises(GRPCError, match="no turn of the instance 'x'"):
            await complete(pb.WorkflowResponse(instance_id="x"))
