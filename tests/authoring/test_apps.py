"""Several apps on one embedded sidecar: each one's workers get its own work, and calls cross over."""

from __future__ import annotations

import pytest
import trio

from tests.patience import PATIENCE
from trio_durable import Client, Worker
from trio_durable.sidecar import open_sidecar


def where(ctx, app: str) -> str:
    return f"{app} ran it"


async def asks_around(ctx):
    mine = await ctx.call_activity("where", input="x")
    theirs = await ctx.call_activity("where", input="x", app_id="billing")
    child = await ctx.call_sub_orchestrator("tells_app", app_id="billing")
    detached = ctx.schedule_new_orchestration("tells_app", app_id="billing", instance_id="apart")
    return [mine, theirs, child, detached, ctx.execution_info.app_id]


def asks_around_generator(ctx):
    mine = yield ctx.call_activity("where", input="x")
    theirs = yield ctx.call_activity("where", input="x", app_id="billing")
    child = yield ctx.call_sub_orchestrator("tells_app", app_id="billing")
    detached = ctx.schedule_new_orchestration("tells_app", app_id="billing", instance_id="apart")
    return [mine, theirs, child, detached, ctx.execution_info.app_id]


async def tells_app(ctx):
    return [ctx.execution_info.app_id, await ctx.call_activity("where", input="x")]


async def waits(ctx):
    await ctx.wait_for_external_event("go")
    return [ctx.execution_info.app_id, await ctx.call_activity("where", input="x")]


def worker_of(sidecar, app):
    worker = Worker(sidecar.channel(app_id=app))
    for orchestrator in (asks_around, asks_around_generator, tells_app, waits):
        worker.add_orchestrator(orchestrator)
    worker.add_activity(lambda ctx, _: where(ctx, app), name="where")
    return worker


@pytest.mark.parametrize("flow", [asks_around, asks_around_generator])
async def test_work_goes_to_the_app_it_is_meant_for(flow):
    async with open_sidecar() as sidecar, trio.open_nursery() as nursery:
        for app in ("shop", "billing"):
            await nursery.start(worker_of(sidecar, app).serve)
        async with Client(sidecar.channel(app_id="shop")) as client:
            instance_id = await client.schedule_new_orchestration(flow)
            state = await client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)
            there = ["billing", "billing ran it"]
            assert state.get_output() == ["shop ran it", "billing ran it", there, "apart", "shop"]
            apart = await client.wait_for_orchestration_completion("apart", timeout=PATIENCE)
            assert apart.get_output() == there
        nursery.cancel_scope.cancel()


async def test_an_app_without_workers_holds_back_nobody_else():
    async with open_sidecar() as sidecar, trio.open_nursery() as nursery:
        await nursery.start(worker_of(sidecar, "shop").serve)
        async with Client(sidecar.channel(app_id="billing")) as billing:
            for _ in range(3):
                waiting = await billing.schedule_new_orchestration("tells_app")
        async with Client(sidecar.channel(app_id="shop")) as shop:
            instance_id = await shop.schedule_new_orchestration("tells_app")
            state = await shop.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)
            assert state.get_output() == ["shop", "shop ran it"]
            await nursery.start(worker_of(sidecar, "billing").serve)
            state = await shop.wait_for_orchestration_completion(waiting, timeout=PATIENCE)
            assert state.get_output() == ["billing", "billing ran it"]
        nursery.cancel_scope.cancel()


async def test_an_instance_stays_with_its_app_when_the_sidecar_restarts(tmp_path):
    path = tmp_path / "apps.db"
    async with open_sidecar(path) as sidecar, trio.open_nursery() as nursery:
        await nursery.start(worker_of(sidecar, "billing").serve)
        async with Client(sidecar.channel(app_id="billing")) as client:
            instance_id = await client.schedule_new_orchestration(waits)
            await client.wait_for_orchestration_start(instance_id, timeout=PATIENCE)
        nursery.cancel_scope.cancel()
    async with open_sidecar(path) as sidecar, trio.open_nursery() as nursery:
        for app in ("shop", "billing"):
            await nursery.start(worker_of(sidecar, app).serve)
        async with Client(sidecar.channel(app_id="shop")) as client:
            await client.raise_orchestration_event(instance_id, "go")
            state = await client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)
            assert state.get_output() == ["billing", "billing ran it"]
        nursery.cancel_scope.cancel()


async def test_a_client_starts_and_steers_what_belongs_to_another_app():
    async with open_sidecar() as sidecar, trio.open_nursery() as nursery:
        for app in ("shop", "billing"):
            await nursery.start(worker_of(sidecar, app).serve)
        async with Client(sidecar.channel(app_id="shop")) as client:
            there = await client.schedule_new_orchestration(waits, app_id="billing")
            await client.wait_for_orchestration_start(there, timeout=PATIENCE, app_id="billing")
            await client.suspend_orchestration(there, app_id="billing")
            await client.resume_orchestration(there, app_id="billing")
            await client.raise_orchestration_event(there, "go", app_id="billing")
            state = await client.wait_for_orchestration_completion(there, timeout=PATIENCE, app_id="billing")
            assert state.get_output() == ["billing", "billing ran it"]
            again = await client.rerun_orchestration_from_event(there, 2, app_id="billing")
            state = await client.wait_for_orchestration_completion(again, timeout=PATIENCE)
            assert state.get_output() == ["billing", "billing ran it"]
            assert await client.purge_orchestration(there, app_id="billing") == 1
            for end in (client.terminate_orchestration, client.cancel_orchestration):
                other = await client.schedule_new_orchestration(waits, app_id="billing")
                await client.wait_for_orchestration_start(other, timeout=PATIENCE, app_id="billing")
                await end(other, app_id="billing")
                assert (await client.wait_for_orchestration_completion(other, timeout=PATIENCE)).is_complete
            assert await client.get_orchestration_state(there, app_id="billing") is None
        nursery.cancel_scope.cancel()
