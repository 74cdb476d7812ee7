"""A file that makes its worker and registers at module level is executed again inside each instance."""

from __future__ import annotations

import uuid

import pytest
import trio

from tests.endtoend import whole_app, whole_app_models


@pytest.fixture
async def app(stage):
    worker = whole_app.worker
    scope = trio.CancelScope()
    before, worker._target = worker._target, stage.target

    async def serve(task_status):
        with scope:
            await worker.serve(task_status=task_status)

    await stage.nursery.start(serve)
    yield stage
    scope.cancel()
    worker._target = before


async def test_it_runs_and_each_instance_has_its_own_globals(app):
    results = [(await app.run("ship", {"weight": 4, "discount": 2})).get_output() for _ in range(3)]
    assert [result[:4] for result in results] == [[5, 2, True, 10]] * 3
    ids = {result[4] for result in results}
    assert len(ids) == 3
    assert all(uuid.UUID(made).version == 4 for made in ids)
    assert whole_app.executed == ["once per instance"]


async def test_models_without_state_are_shared(app):
    await app.run("ship", {"weight": 4})
    tiers = whole_app.worker._sandbox.tiers()
    assert tiers[whole_app_models.__name__] == "shared"
    assert tiers[whole_app.__name__] != "shared"


@pytest.mark.parametrize(
    ("name", "api"),
    [("asks_a_client", "trio_durable.Client"), ("serves", "Worker.serve"),
     ("changes_a_shared_class", "assignment to tests.endtoend.whole_app_models.Order.discount")],
)  # fmt: skip
async def test_what_belongs_to_the_host_is_refused(app, name, api):
    state = await app.run(name)
    assert state.failure_details.error_type.endswith("SandboxViolationError")
    assert api in str(state.failure_details)
    assert whole_app_models.Order.discount == 1
