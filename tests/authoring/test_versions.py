"""Versions and patches: an instance keeps what it began with, whichever worker it meets."""

from __future__ import annotations

import pytest
import trio

from tests.authoring import flows
from tests.patience import PATIENCE
from trio_durable import OrchestrationStatus, RegistrationError, Worker


@pytest.fixture(autouse=True)
def _fresh():
    flows.CALLS.clear()


async def versions(road, *registered, plain=None, others=()):
    """A worker with these (version, function) of `ships`; cancelling the scope stops it."""
    worker = Worker(road.target, **road.options)
    for version, function in registered:
        worker.add_versioned_orchestrator(function, name="ships", version=version)
    if plain is not None:
        worker.add_orchestrator(plain, name="ships")
    for other in others:
        worker.add_orchestrator(other)
    for activity in flows.ACTIVITIES:
        worker.add_activity(activity)
    scope = trio.CancelScope()

    async def serve(task_status):
        with scope:
            await worker.serve(task_status=task_status)

    await road.nursery.start(serve)
    return scope


async def started(road, name="ships", **options):
    instance_id = await road.client.schedule_new_orchestration(name, instance_id=road.new_id(), **options)
    with trio.fail_after(PATIENCE):
        await road.client.wait_for_orchestration_start(instance_id)
    return instance_id


async def finish(road, instance_id):
    await road.client.raise_orchestration_event(instance_id, "go")
    state = await road.client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)
    state.raise_if_failed()
    return state.get_output()


async def until(road, instance_id, status):
    with trio.fail_after(PATIENCE):
        while (await road.client.get_orchestration_state(instance_id)).runtime_status is not status:
            await trio.sleep(0.01)


async def test_the_latest_version_is_the_default_and_an_instance_keeps_its_own(road):
    only_v1 = await versions(road, ("v1", flows.ships_v1))
    old = await started(road)
    await _waiting(road, old)
    only_v1.cancel()
    await versions(road, ("v1", flows.ships_v1), ("v2", flows.ships_v2))
    new = await started(road)
    assert await finish(road, old) == ["v1", "v1"]
    assert await finish(road, new) == ["v2", "v2"]


async def test_an_instance_stalls_until_a_worker_has_its_version(embedded):
    only_v1 = await versions(embedded, ("v1", flows.ships_v1))
    instance_id = await started(embedded)
    only_v1.cancel()
    only_v2 = await versions(embedded, ("v2", flows.ships_v2))
    await embedded.client.raise_orchestration_event(instance_id, "go")
    await until(embedded, instance_id, OrchestrationStatus.STALLED)
    only_v2.cancel()
    await versions(embedded, ("v1", flows.ships_v1))
    state = await embedded.client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)
    assert state.get_output() == ["v1", "v1"]


async def test_a_client_may_ask_for_a_version(embedded):
    await versions(embedded, ("v1", flows.ships_v1), ("v2", flows.ships_v2))
    instance_id = await started(embedded, version="v1")
    assert await finish(embedded, instance_id) == ["v1", "v1"]


async def tells_version(ctx):
    return ctx.version


def tells_version_generator(ctx):
    yield ctx.sleep(0)
    return ctx.version


async def asks_for_versions(ctx):
    await ctx.sleep(0)
    apart = ctx.schedule_new_orchestration("ships", version="v1")
    told = [await ctx.call_sub_orchestrator("ships", version=version) for version in ("v1", None)]
    return [*told, apart]


def asks_for_versions_generator(ctx):
    apart = ctx.schedule_new_orchestration("ships", version="v1")
    first = yield ctx.call_sub_orchestrator("ships", version="v1")
    second = yield ctx.call_sub_orchestrator("ships", version=None)
    return [first, second, apart]


@pytest.mark.parametrize("asks", [asks_for_versions, asks_for_versions_generator])
@pytest.mark.parametrize("tells", [tells_version, tells_version_generator])
async def test_an_orchestration_may_ask_for_a_version(road, asks, tells):
    await versions(road, ("v1", tells), ("v2", tells), others=[asks])
    instance_id = await road.client.schedule_new_orchestration(asks, instance_id=road.new_id())
    state = await road.client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)
    state.raise_if_failed()
    *children, apart = state.get_output()
    asked = "v2" if road.kind == "go" else "v1"  # the standalone Go sidecar leaves the version out
    assert children == [asked, "v2"]
    with trio.fail_after(PATIENCE):
        while await road.client.get_orchestration_state(apart) is None:
            await trio.sleep(0.01)
    assert (await road.client.wait_for_orchestration_completion(apart, timeout=PATIENCE)).get_output() == asked


async def test_an_instance_without_a_version_goes_on_without_one(embedded):
    plain = await versions(embedded, plain=flows.ships_v1)
    instance_id = await started(embedded)
    plain.cancel()
    only = await versions(embedded, ("v2", flows.ships_v2))
    await embedded.client.raise_orchestration_event(instance_id, "go")
    await until(embedded, instance_id, OrchestrationStatus.STALLED)
    only.cancel()
    await versions(embedded, ("v2", flows.ships_v2), plain=flows.ships_v1)
    state = await embedded.client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)
    assert state.get_output() == ["v1", None]


def test_a_version_is_registered_once():
    worker = Worker("127.0.0.1:1")
    worker.add_versioned_orchestrator(flows.ships_v1, name="ships", version="v1")
    with pytest.raises(RegistrationError, match=r"version 'v1' of orchestrator 'ships' is registered already"):
        worker.add_versioned_orchestrator(flows.ships_v2, name="ships", version="v1")


@pytest.mark.parametrize("after", [flows.after_the_patch, flows.after_the_patch_generator])
async def test_a_new_instance_takes_the_patched_path(road, after):
    await versions(road, plain=after)
    instance_id = await started(road)
    assert await finish(road, instance_id) == [True, True, True]
    assert flows.CALLS == ["new start"]


@pytest.mark.parametrize("after", [flows.after_the_patch, flows.after_the_patch_generator])
async def test_an_instance_from_before_the_patch_keeps_its_path_where_history_has_passed(road, after):
    before = await versions(road, plain=flows.before_the_patch)
    instance_id = await road.client.schedule_new_orchestration("ships", instance_id=road.new_id())
    await _waiting(road, instance_id)
    before.cancel()
    await versions(road, plain=after)
    assert await finish(road, instance_id) == [False, True, True]
    assert flows.CALLS == []


async def _waiting(road, instance_id):
    """Until the instance waits for its event: the timer of that is in history."""
    with trio.fail_after(PATIENCE):
        while True:
            history = await road.client.get_orchestration_history(instance_id)
            if any(event.kind == "TimerCreated" for event in history):
                return
            await trio.sleep(0.01)


async def test_code_that_forgets_a_patch_stalls(embedded):
    patched = await versions(embedded, plain=flows.after_the_patch)
    instance_id = await embedded.client.schedule_new_orchestration("ships")
    await _waiting(embedded, instance_id)
    patched.cancel()
    forgetful = await versions(embedded, plain=flows.forgets_its_patch)
    await embedded.client.raise_orchestration_event(instance_id, "go")
    await until(embedded, instance_id, OrchestrationStatus.STALLED)
    forgetful.cancel()
    await versions(embedded, plain=flows.after_the_patch)
    state = await embedded.client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)
    assert state.get_output() == [True, True, True]
