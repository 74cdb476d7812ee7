"""The authoring features in the testing kit: virtual time, no sidecar, every turn replayed."""

from __future__ import annotations

import pytest

from tests.authoring import flows
from trio_durable import Worker
from trio_durable.testing import open_test_environment


@pytest.fixture
async def environment():
    flows.CALLS.clear()
    worker = Worker("nowhere")
    for orchestrator in flows.ORCHESTRATORS:
        worker.add_orchestrator(orchestrator)
    for activity in flows.ACTIVITIES:
        worker.add_activity(activity)
    async with open_test_environment(worker) as environment:
        yield environment


@pytest.mark.parametrize("flow", [flows.passes_metadata, flows.passes_metadata_generator])
async def test_metadata(environment, flow):
    told = await environment.run(flow)
    assert told[3:] == [["in", "blue", "blue"], {"tenant": "blue", "tracestate": "acme=1"}]
    assert environment.calls("sees")[1].input == 0, "a call shows the input, not its envelope"


@pytest.mark.parametrize("flow", [flows.books, flows.books_generator])
async def test_a_saga(environment, flow):
    assert await environment.run(flow, input="") == "booked"
    assert flows.CALLS == ["hotel", "car"]


@pytest.mark.parametrize("flow", [flows.sends, flows.sends_generator])
async def test_events_from_an_orchestration(environment, flow):
    listener = environment.schedule(flows.listens)
    await environment.settle()
    assert await environment.run(flow, input=listener.instance_id) == "trio_durable.NotFoundError"
    assert await listener.result() == {"n": 0}


@pytest.mark.parametrize("flow", [flows.detaches, flows.detaches_generator])
async def test_a_detached_orchestration(environment, flow):
    other = environment.instance(await environment.run(flow))
    assert await other.result() == [[1], None, {"from": "above"}]


@pytest.mark.parametrize("flow", [flows.draws, flows.draws_generator, flows.tells_itself, flows.tells_itself_generator])
async def test_values(environment, flow):
    assert await environment.run(flow)


@pytest.mark.parametrize("flow", [flows.retries, flows.retries_generator])
async def test_retries(environment, flow):
    assert await environment.run(flow) == 3
