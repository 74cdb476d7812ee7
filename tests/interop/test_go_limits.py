"""What the standalone Go sidecar does not do, and is therefore tested on the embedded one only; a change shows here."""

from __future__ import annotations

from datetime import timedelta

import pytest
import trio

from tests.patience import PATIENCE
from trio_durable import Client, SidecarError, Worker

pytestmark = pytest.mark.interop


def where(ctx) -> str:
    return "here"


async def asks_elsewhere(ctx):
    child = await ctx.call_sub_orchestrator("leaf", app_id="elsewhere")
    return [await ctx.call_activity(where, app_id="elsewhere"), child]


def asks_elsewhere_generator(ctx):
    child = yield ctx.call_sub_orchestrator("leaf", app_id="elsewhere")
    return [(yield ctx.call_activity(where, app_id="elsewhere")), child]


async def leaf(ctx):
    return ctx.execution_info.app_id


async def waits(ctx):
    await ctx.wait_for_external_event("go")
    return ctx.version


def waits_generator(ctx):
    yield ctx.wait_for_external_event("go")
    return ctx.version


@pytest.fixture
async def stage(go_sidecar):
    """A client, and a function that starts a worker with these versions of `waits` and gives its scope."""
    async with trio.open_nursery() as nursery, Client(go_sidecar) as client:

        async def work(function=waits, *versions):
            worker = Worker(go_sidecar)
            for function_ in (asks_elsewhere, asks_elsewhere_generator, leaf):
                worker.add_orchestrator(function_)
            for version in versions:
                worker.add_versioned_orchestrator(function, name="waits", version=version)
            worker.add_activity(where)
            scope = trio.CancelScope()

            async def serve(task_status):
                with scope:
                    await worker.serve(task_status=task_status)

            await nursery.start(serve)
            return scope

        yield client, work
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("flow", [asks_elsewhere, asks_elsewhere_generator])
async def test_there_is_one_app_whose_workers_also_do_what_is_meant_for_others(stage, flow):
    client, work = stage
    await work()
    instance_id = await client.schedule_new_orchestration(flow)
    state = await client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)
    assert state.get_output() == ["here", "elsewhere"]


async def test_clients_reach_no_other_app(stage):
    client, work = stage
    await work(waits, "1")
    with pytest.raises(SidecarError, match="cross-app"):
        await client.schedule_new_orchestration(leaf, app_id="elsewhere")
    instance_id = await client.schedule_new_orchestration("waits")
    for ask in (client.get_orchestration_state, client.suspend_orchestration, client.purge_orchestration):
        with pytest.raises(SidecarError, match="cross-app"):
            await ask(instance_id, app_id="elsewhere")
    await client.terminate_orchestration(instance_id)


async def test_nothing_is_run_again_from_an_event(stage):
    client, _ = stage
    with pytest.raises(SidecarError, match="UNIMPLEMENTED"):
        await client.rerun_orchestration_from_event("any", 1)


async def test_what_is_told_something_before_its_start_never_begins(stage):
    """Nothing that a client can do brings it back; `test_client.py` has what to write instead."""
    client, work = stage
    await work(waits, "1")
    instance_id = await client.schedule_new_orchestration("waits", start_at=timedelta(days=1))
    await client.raise_orchestration_event(instance_id, "go")
    with trio.fail_after(PATIENCE):
        while not (history := await client.get_orchestration_history(instance_id)):
            await trio.sleep(0.01)
    assert [event.kind for event in history] == ["OrchestratorStarted", "EventRaised"], "it took its mail unread"
    with pytest.raises(SidecarError):
        await client.purge_orchestration(instance_id, force=True)
    assert (await client.get_orchestration_state(instance_id)).runtime_status.name == "PENDING"


@pytest.mark.parametrize("flow", [waits, waits_generator])
async def test_an_instance_whose_version_nobody_has_waits_without_being_called_stalled(stage, flow):
    client, work = stage
    one = await work(flow, "1")
    instance_id = await client.schedule_new_orchestration("waits")
    with trio.fail_after(PATIENCE):
        while not any(event.kind == "TimerCreated" for event in await client.get_orchestration_history(instance_id)):
            await trio.sleep(0.01)
    one.cancel()
    two = await work(flow, "2")
    await client.raise_orchestration_event(instance_id, "go")
    with trio.fail_after(PATIENCE):  # until the worker has met the event
        while not any(event.kind == "EventRaised" for event in await client.get_orchestration_history(instance_id)):
            await trio.sleep(0.01)
    assert (await client.get_orchestration_state(instance_id)).runtime_status.name == "RUNNING"
    two.cancel()
    # It took the event of the turn that nobody could run for done; the next event brings the instance to life again.
    await work(flow, "1", "2")
    await client.raise_orchestration_event(instance_id, "anything")
    assert (await client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)).get_output() == "1"
