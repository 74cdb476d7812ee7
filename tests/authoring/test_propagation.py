"""Handing history down: what a call asks for, and what activities and children are shown of it.

The embedded sidecar hands histories down, as Dapr's does; the standalone Go one does not.
"""

from __future__ import annotations

import json
from datetime import timedelta

import pytest
import trio
import trio_durable_proto as pb

from tests.authoring.test_core import Script, context
from tests.patience import PATIENCE
from trio_durable import ActivityContext, Client, PropagationScope, Worker
from trio_durable._converter import JsonConverter
from trio_durable._core import events as ev
from trio_durable._wire.actions import action_to_pb
from trio_durable._wire.events import event_to_bytes
from trio_durable._wire.requests import activity_from_pb
from trio_durable._worker.activity import ActivityRunner
from trio_durable.sidecar import open_sidecar
from trio_durable.testing import open_test_environment, play


@pytest.mark.parametrize("generator", [False, True])
def test_a_call_asks_for_its_scope(generator):
    async def main(replay):
        ctx = context(replay)
        return await ctx.gather(
            ctx.call_activity("one"),
            ctx.call_activity("two", propagation=PropagationScope.OWN_HISTORY),
            ctx.call_child_workflow("three", propagation=PropagationScope.LINEAGE),
        )

    one, two, three = (action_to_pb(action) for action in Script(main, crash=generator).start().actions)
    assert one.schedule_task.history_propagation_scope is None
    assert two.schedule_task.history_propagation_scope == pb.HistoryPropagationScope.OWN_HISTORY
    assert three.create_child_workflow.history_propagation_scope == pb.HistoryPropagationScope.LINEAGE


async def test_an_activity_sees_what_was_handed_down():
    seen: list[ActivityContext] = []

    def look(ctx: ActivityContext) -> None:
        seen.append(ctx)

    worker = Worker("127.0.0.1:1")
    worker.add_activity(look)
    events = [ev.OrchestratorStarted(-1, 5), ev.TaskScheduled(1, 5, "look")]
    chunk = pb.PropagatedHistoryChunk(
        raw_events=[event_to_bytes(event) for event in events], app_id="shop", instance_id="i", workflow_name="flow"
    )
    request = pb.ActivityRequest(
        name="look",
        workflow_instance=pb.WorkflowInstance(instance_id="i"),
        task_id=1,
        propagated_history=pb.PropagatedHistory(scope=pb.HistoryPropagationScope.OWN_HISTORY, chunks=[chunk]),
    )
    runner = ActivityRunner(worker._registry, JsonConverter(), 1)
    result = await runner.run(activity_from_pb(request))
    assert result.failure is None
    (history,) = seen[0].propagated_history
    assert (history.app_id, history.instance_id, history.name) == ("shop", "i", "flow")
    assert [event.kind for event in history.events] == ["OrchestratorStarted", "TaskScheduled"]
    assert history.events[1].name == "look"


def told(histories):
    """Whose histories these are, which activities they know of, and which answers."""
    return [
        [
            history.name,
            [event.name for event in history.events if event.kind == "TaskScheduled"],
            [event.result for event in history.events if event.kind == "TaskCompleted"],
        ]
        for history in histories
    ]


def sees(ctx, value=None):
    return [told(ctx.propagated_history), [history.app_id for history in ctx.propagated_history]]


async def root(ctx, scope: str):
    await ctx.call_activity("sees")
    return await ctx.call_sub_orchestrator("middle", input=scope, propagation=PropagationScope.OWN_HISTORY)


async def middle(ctx, scope: str):
    await ctx.wait_for_external_event("go", timeout=timedelta(days=1))
    asked = PropagationScope[scope]
    mine = await ctx.call_activity("sees", propagation=asked)
    return [told(ctx.propagated_history), mine, await ctx.call_sub_orchestrator("leaf", propagation=asked)]


async def leaf(ctx):
    await ctx.sleep(0)
    return told(ctx.propagated_history)


def root_generator(ctx, scope: str):
    yield ctx.call_activity("sees")
    return (yield ctx.call_sub_orchestrator("middle", input=scope, propagation=PropagationScope.OWN_HISTORY))


def middle_generator(ctx, scope: str):
    yield ctx.wait_for_external_event("go", timeout=timedelta(days=1))
    asked = PropagationScope[scope]
    mine = yield ctx.call_activity("sees", propagation=asked)
    deep = yield ctx.call_sub_orchestrator("leaf", propagation=asked)
    return [told(ctx.propagated_history), mine, deep]


def leaf_generator(ctx):
    yield ctx.sleep(0)
    return told(ctx.propagated_history)


FAMILIES = [(root, middle, leaf), (root_generator, middle_generator, leaf_generator)]


def worker_of(target, family, **options):
    worker = Worker(target, **options)
    for name, function in zip(("root", "middle", "leaf"), family, strict=True):
        worker.add_orchestrator(function, name=name)
    worker.add_activity(sees)
    return worker


def expected(scope, app=""):
    none = "[[],[]]"
    above = [["root", ["sees"], [none]]]
    called = ["middle", ["sees"], []]
    match scope:
        case "NONE":
            return [above, [[], []], []]
        case "OWN_HISTORY":
            own = [[called], [app]]
        case "LINEAGE":
            own = [[*above, called], [app, app]]
    answer = json.dumps(own, separators=(",", ":"))
    return [above, own, [*own[0][:-1], ["middle", ["sees"], [answer]]]]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("scope", ["NONE", "OWN_HISTORY", "LINEAGE"])
async def test_what_is_handed_down_is_what_was_asked_for(embedded, family, scope):
    await embedded.nursery.start(worker_of(embedded.target, family, **embedded.options).serve)
    instance_id = await embedded.client.schedule_new_orchestration("root", input=scope)
    await until_there(embedded.client, f"{instance_id}:0002")
    await embedded.client.raise_orchestration_event(f"{instance_id}:0002", "go")
    state = await embedded.client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)
    state.raise_if_failed()
    assert state.get_output() == expected(scope)


def calls_of(history):
    """What a history that was handed down tells of the calls in it."""
    (sound,), (broken,) = history.activities("sees"), history.activities("breaks")
    (child,), everything = history.children("leaf"), history.activities()
    assert [call.name for call in everything] == ["sees", "breaks", "looks"]
    assert history.activities("nobody") == history.children("nobody") == ()
    assert (sound.is_complete, sound.is_failed, sound.input, sound.result) == (True, False, "7", "[[],[]]")
    assert (broken.is_complete, broken.is_failed, broken.failure.error_type) == (True, True, "ValueError")
    assert (child.is_complete, child.result, child.failure) == (True, "[]", None)
    assert (everything[-1].is_complete, everything[-1].result) == (False, None), "it is this very call"
    return [history.app_id, history.name, len(history.events) > 0]


def looks(ctx):
    (history,) = ctx.propagated_history
    return calls_of(history)


def breaks(ctx):
    raise ValueError("on purpose")


async def calls_and_shows(ctx):
    await ctx.call_activity("sees", input=7)
    await ctx.gather(ctx.call_activity("breaks"), return_exceptions=True)
    await ctx.call_child_orchestrator("leaf")
    return await ctx.call_activity("looks", propagation=PropagationScope.OWN_HISTORY)


def calls_and_shows_generator(ctx):
    yield ctx.call_activity("sees", input=7)
    yield ctx.gather(ctx.call_activity("breaks"), return_exceptions=True)
    yield ctx.call_child_orchestrator("leaf")
    return (yield ctx.call_activity("looks", propagation=PropagationScope.OWN_HISTORY))


@pytest.mark.parametrize("flow", [calls_and_shows, calls_and_shows_generator])
async def test_calls_are_found_by_name(embedded, flow):
    await embedded.open([flow, leaf], [sees, breaks, looks])
    assert await embedded.output(flow) == ["", flow.__name__, True]


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("scope", ["NONE", "LINEAGE"])
async def test_what_is_run_again_is_shown_what_was_handed_down_to_it(embedded, family, scope):
    await embedded.nursery.start(worker_of(embedded.target, family, **embedded.options).serve)
    client = embedded.client
    instance_id = await client.schedule_new_orchestration("root", input=scope)
    child = f"{instance_id}:0002"
    await until_there(client, child)
    await client.raise_orchestration_event(child, "go")
    await client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)
    (called,) = [event for event in await client.get_orchestration_history(child) if event.name == "sees"]
    again = await client.rerun_orchestration_from_event(child, called.event_id)
    state = await client.wait_for_orchestration_completion(again, timeout=PATIENCE)
    state.raise_if_failed()
    assert state.parent_instance_id is None
    assert state.get_output() == expected(scope)


async def until_there(client, instance_id):
    with trio.fail_after(PATIENCE):
        while await client.get_orchestration_state(instance_id) is None:
            await trio.sleep(0.01)
        await client.wait_for_orchestration_start(instance_id)


@pytest.mark.parametrize("family", FAMILIES)
async def test_what_was_handed_down_survives_a_restart_over_grpc(tmp_path, family):
    path = tmp_path / "hub.db"
    async with open_sidecar(path) as sidecar, trio.open_nursery() as nursery:
        address = await sidecar.serve(app_id="shop")
        await nursery.start(worker_of(address, family).serve)
        async with Client(address) as client:
            instance_id = await client.schedule_new_orchestration("root", input="LINEAGE")
            await until_there(client, f"{instance_id}:0002")
        nursery.cancel_scope.cancel()
    async with open_sidecar(path) as sidecar, trio.open_nursery() as nursery:
        address = await sidecar.serve(app_id="shop")
        await nursery.start(worker_of(address, family).serve)
        async with Client(address) as client:
            await client.raise_orchestration_event(f"{instance_id}:0002", "go")
            state = await client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)
            assert state.get_output() == expected("LINEAGE", "shop")
        nursery.cancel_scope.cancel()


async def test_an_activity_that_waits_keeps_what_was_handed_down(tmp_path):
    path = tmp_path / "hub.db"

    async def flow(ctx):
        return await ctx.call_activity("sees", propagation=PropagationScope.OWN_HISTORY)

    async with open_sidecar(path) as sidecar, trio.open_nursery() as nursery:
        only_turns = Worker(sidecar.channel(), sandbox="off")
        only_turns.add_orchestrator(flow)
        only_turns.add_activity(waits_for_ever, name="sees")
        await nursery.start(only_turns.serve)
        async with Client(sidecar.channel()) as client:
            instance_id = await client.schedule_new_orchestration(flow)
            await STARTED.wait()
        only_turns._alive.cancel()
        nursery.cancel_scope.cancel()
    async with open_sidecar(path) as sidecar, trio.open_nursery() as nursery:
        worker = Worker(sidecar.channel(), sandbox="off")
        worker.add_orchestrator(flow)
        worker.add_activity(sees)
        await nursery.start(worker.serve)
        async with Client(sidecar.channel()) as client:
            state = await client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)
            assert state.get_output() == [[["flow", ["sees"], []]], [""]]
        nursery.cancel_scope.cancel()


STARTED = trio.Event()


async def waits_for_ever(ctx):
    STARTED.set()
    await trio.sleep_forever()


@pytest.mark.parametrize("family", FAMILIES)
@pytest.mark.parametrize("scope", ["NONE", "OWN_HISTORY", "LINEAGE"])
async def test_the_testing_kit_hands_down_the_same(family, scope):
    async with open_test_environment(worker_of("nowhere", family)) as environment:
        instance = environment.schedule("root", input=scope, instance_id="r")
        await environment.settle()
        environment.crash_worker()
        environment.instance("r:0002").raise_event("go")
        assert await instance.result() == expected(scope)


def test_scripts_hand_down_the_same():
    async def calls(ctx):
        return await ctx.call_activity("sees", propagation=PropagationScope.OWN_HISTORY)

    worker = Worker("nowhere", sandbox="off")
    worker.add_orchestrator(calls)
    worker.add_activity(sees)
    assert play(calls, "start", worker=worker).result == [[["calls", ["sees"], []]], [""]]


@pytest.mark.interop
@pytest.mark.parametrize("family", FAMILIES)
async def test_the_standalone_go_sidecar_hands_nothing_down(go_sidecar, family):
    async with trio.open_nursery() as nursery, Client(go_sidecar) as client:
        await nursery.start(worker_of(go_sidecar, family).serve)
        instance_id = await client.schedule_new_orchestration("root", input="LINEAGE")
        await until_there(client, f"{instance_id}:0002")
        await client.raise_orchestration_event(f"{instance_id}:0002", "go")
        state = await client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)
        assert state.get_output() == [[], [[], []], []]
        nursery.cancel_scope.cancel()
