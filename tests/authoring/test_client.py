"""What a client can ask beyond starting and waiting."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
import trio

from tests.authoring import flows
from tests.patience import PATIENCE
from trio_durable import (
    AlreadyExistsError,
    Client,
    NotFoundError,
    OrchestrationStatus,
    PayloadError,
    ReuseIdAction,
    ReuseIdPolicy,
    SidecarError,
)


async def doubles(ctx, n: int):
    first = await ctx.call_activity(flows.echo, input=n)
    second = await ctx.call_activity(flows.echo, input=first + 1)
    third = await ctx.call_sub_orchestrator(adds, input=second)
    return [first, second, third]


def doubles_generator(ctx, n: int):
    first = yield ctx.call_activity(flows.echo, input=n)
    second = yield ctx.call_activity(flows.echo, input=first + 1)
    third = yield ctx.call_sub_orchestrator(adds, input=second)
    return [first, second, third]


async def adds(ctx, n: int):
    await ctx.sleep(0.01)
    return await ctx.call_activity(flows.echo, input=n + 1)


async def waits(ctx, word=None):
    return await ctx.wait_for_external_event("go")


EVERYTHING = ([doubles, doubles_generator, adds, waits], flows.ACTIVITIES)


@pytest.mark.parametrize("flow", [doubles, doubles_generator])
async def test_history(road, flow):
    await road.open(*EVERYTHING)
    state = await road.end(flow, 1)
    history = await road.client.get_orchestration_history(state.instance_id)
    kinds = [event.kind for event in history]
    assert kinds[:2] == ["OrchestratorStarted", "ExecutionStarted"]
    assert kinds.count("TaskScheduled") == kinds.count("TaskCompleted") == 2
    scheduled = [event for event in history if event.kind == "TaskScheduled"]
    assert [(event.event_id, event.name, event.input) for event in scheduled] == [(1, "echo", "1"), (2, "echo", "2")]
    assert all(event.is_rerunnable for event in scheduled)
    done = next(event for event in history if event.kind == "TaskCompleted")
    assert (done.task_scheduled_id, done.result, done.is_rerunnable) == (1, "1", False)
    assert all(event.timestamp.tzinfo is not None for event in history)
    with pytest.raises(NotFoundError):
        await road.client.get_orchestration_history("no such instance")


@pytest.mark.parametrize("flow", [doubles, doubles_generator])
async def test_rerun_from_an_event(embedded, flow):
    await embedded.open(*EVERYTHING)
    client = embedded.client
    state = await embedded.end(flow, 1)
    assert state.get_output() == [1, 2, 3]

    async def again(event_id, **options):
        instance_id = await client.rerun_orchestration_from_event(state.instance_id, event_id, **options)
        return await client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)

    same = await again(2)
    assert (same.get_output(), same.get_input(), same.name) == ([1, 2, 3], 1, flow.__name__)
    assert same.instance_id != state.instance_id
    assert (await again(2, input=10)).get_output() == [1, 10, 11]
    named = await again(3, new_instance_id=f"{state.instance_id}-again", input=0)
    assert named.instance_id == f"{state.instance_id}-again"
    assert named.get_output() == [1, 2, 1]
    # The child's timer and activity, too: the rerun's child is its own.
    children = [event async for event in client.list_instance_ids() if ":" in event]
    assert len(children) == len(set(children)) == 4
    with pytest.raises(NotFoundError):
        await again(77)
    with pytest.raises(NotFoundError):
        await client.rerun_orchestration_from_event("no such instance", 1)
    with pytest.raises(AlreadyExistsError):
        await again(2, new_instance_id=state.instance_id)
    child = f"{state.instance_id}:0003"
    assert (await again_of(client, child, 1)).get_output() == 3
    with pytest.raises(SidecarError, match="no input to overwrite"):
        await client.rerun_orchestration_from_event(child, 1, input=1)


async def again_of(client, instance_id, event_id):
    new = await client.rerun_orchestration_from_event(instance_id, event_id)
    return await client.wait_for_orchestration_completion(new, timeout=PATIENCE)


async def test_rerun_needs_an_ended_instance(embedded):
    await embedded.open(*EVERYTHING)
    instance_id = await embedded.client.schedule_new_orchestration(waits)
    await embedded.client.wait_for_orchestration_start(instance_id, timeout=PATIENCE)
    with pytest.raises(SidecarError, match="cannot be run again"):
        await embedded.client.rerun_orchestration_from_event(instance_id, 1)


async def test_reuse_policies(road):
    await road.open(*EVERYTHING)
    client = road.client
    instance_id = await client.schedule_new_orchestration(waits, instance_id=road.new_id())
    await client.wait_for_orchestration_start(instance_id, timeout=PATIENCE)
    first = await client.get_orchestration_state(instance_id)

    async def reuse(action, *statuses):
        policy = ReuseIdPolicy(action, frozenset(statuses) or frozenset(OrchestrationStatus))
        return await client.schedule_new_orchestration(waits, instance_id=instance_id, reuse_id_policy=policy)

    with pytest.raises(AlreadyExistsError):
        await reuse(ReuseIdAction.ERROR)
    with pytest.raises(AlreadyExistsError):
        await reuse(ReuseIdAction.IGNORE, OrchestrationStatus.COMPLETED)
    assert await reuse(ReuseIdAction.IGNORE) == instance_id
    assert (await client.get_orchestration_state(instance_id)).created_at == first.created_at
    assert await reuse(ReuseIdAction.TERMINATE) == instance_id
    second = await client.wait_for_orchestration_start(instance_id, timeout=PATIENCE)
    assert second.created_at > first.created_at
    await client.terminate_orchestration(instance_id)


async def test_a_unique_id_is_used_once(road):
    await road.open(*EVERYTHING)
    state = await road.end(doubles, 1)
    instance_id = state.instance_id
    with pytest.raises(AlreadyExistsError):
        await road.client.schedule_new_orchestration(doubles, instance_id=instance_id, enforce_unique_id=True)
    if road.kind == "go":  # which never gives an id twice
        return
    again = await road.client.schedule_new_orchestration(doubles, input=5, instance_id=instance_id)
    state = await road.client.wait_for_orchestration_completion(again, timeout=PATIENCE)
    assert state.get_output() == [5, 6, 7]


async def test_states_as_json(road):
    await road.open(*EVERYTHING)
    state = await road.end(doubles, 1, metadata={"a": "b"})
    told = json.loads(state.to_json())
    assert told["input"] == 1
    assert told["output"] == [1, 2, 3]
    assert told["runtime_status"] == "COMPLETED"
    assert told["failure"] is None
    assert datetime.fromisoformat(told["created_at"]) == state.created_at
    assert state.get_output(list[int]) == [1, 2, 3]


async def test_a_start_in_the_future(road):
    await road.open(*EVERYTHING)
    begin = datetime.now(UTC) + timedelta(seconds=0.3)
    instance_id = await road.client.schedule_new_orchestration(
        doubles, input=1, start_at=begin, instance_id=road.new_id()
    )
    state = await road.client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)
    assert state.get_output() == [1, 2, 3]
    assert state.last_updated_at >= begin


async def begins_later(ctx, seconds: float):
    ctx.set_custom_status("not yet")
    await ctx.sleep(seconds)


def begins_later_generator(ctx, seconds: float):
    ctx.set_custom_status("not yet")
    yield ctx.sleep(seconds)


@pytest.mark.parametrize("flow", [begins_later, begins_later_generator])
@pytest.mark.parametrize(("end", "status"), [("terminate", "TERMINATED"), ("cancel", "CANCELED")])
async def test_what_waits_by_itself_before_it_begins_may_be_called_off_on_every_sidecar(road, flow, end, status):
    await road.open([flow])
    instance_id = await road.client.schedule_new_orchestration(flow, input=86400, instance_id=road.new_id())
    with trio.fail_after(PATIENCE):
        while (await road.client.get_orchestration_state(instance_id)).get_custom_status() != "not yet":
            await trio.sleep(0.01)
    await getattr(road.client, f"{end}_orchestration")(instance_id)
    state = await road.client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)
    assert state.runtime_status.name == status


async def test_a_long_poll_ends_with_its_scope(road):
    await road.open(*EVERYTHING)
    instance_id = await road.client.schedule_new_orchestration(waits, instance_id=road.new_id())
    with trio.move_on_after(0.1) as scope:
        await road.client.wait_for_orchestration_completion(instance_id)
    assert scope.cancelled_caught
    with pytest.raises(TimeoutError):
        await road.client.wait_for_orchestration_completion(instance_id, timeout=0.05)
    with pytest.raises(TimeoutError, match=r"within 0\.05 s"):
        await road.client.wait_for_orchestration_completion(instance_id, timeout=timedelta(seconds=0.05))
    await road.client.terminate_orchestration(instance_id, output=0)
    assert (await road.client.get_orchestration_state(instance_id)).get_output() == 0


async def test_purging_by_a_filter(embedded):
    await embedded.open(*EVERYTHING)
    client = embedded.client
    for number in range(3):
        await embedded.end(doubles, number, instance_id=f"done {number}")
    middle = (await client.get_orchestration_state("done 1")).created_at
    running = await client.schedule_new_orchestration(waits, instance_id="running")
    await client.wait_for_orchestration_start(running, timeout=PATIENCE)
    ended = await client.schedule_new_orchestration(waits, instance_id="ended")
    await client.terminate_orchestration(ended)

    async def left():
        return [instance_id async for instance_id in client.list_instance_ids() if ":" not in instance_id]

    assert await client.purge_orchestrations_by(created_time_to=middle) == 2, "the instance and its child"
    assert await left() == ["done 1", "done 2", "ended", "running"]
    assert await client.purge_orchestrations_by(runtime_status=[OrchestrationStatus.RUNNING]) == 0
    assert await client.purge_orchestrations_by(runtime_status={OrchestrationStatus.TERMINATED}) == 1
    assert await client.purge_orchestrations_by(created_time_from=middle, recursive=False) == 4
    assert await left() == ["running"]


@pytest.mark.interop
async def test_a_sidecar_that_cannot_purge_by_a_filter_says_so(go_sidecar):
    async with Client(go_sidecar) as client:
        with pytest.raises(SidecarError):
            await client.purge_orchestrations_by()


async def test_a_rerun_may_name_the_child(embedded):
    await embedded.open(*EVERYTHING)
    state = await embedded.end(doubles, 1)
    again = await embedded.client.rerun_orchestration_from_event(
        state.instance_id, 3, new_instance_id=embedded.new_id(), new_child_instance_id="a child of my own"
    )
    assert (await embedded.client.wait_for_orchestration_completion(again, timeout=PATIENCE)).get_output() == [1, 2, 3]
    child = await embedded.client.get_orchestration_state("a child of my own")
    assert (child.parent_instance_id, child.get_output()) == (again, 3)


async def test_a_start_so_long_after_now(road):
    await road.open(*EVERYTHING)
    before = datetime.now(UTC)
    state = await road.end(doubles, 1, start_at=timedelta(seconds=0.2))
    assert state.last_updated_at >= before + timedelta(seconds=0.2)


BAD = [
    (lambda c: c.schedule_new_orchestration("x", start_at="now"), TypeError, "start_at is a datetime or a timedelta"),
    (lambda c: c.schedule_new_orchestration("x", metadata={1: "a"}), TypeError, "metadata maps strings to strings"),
    (lambda c: c.schedule_new_orchestration("x", tags={"a": 1}), TypeError, "tags maps strings to strings"),
    (lambda c: c.schedule_new_orchestration("x", instance_id="\ud800"), ValueError, "instance_id must be text"),
    (lambda c: c.schedule_new_orchestration("x", instance_id=5), TypeError, "instance_id must be a string, got 5"),
    (lambda c: c.schedule_new_orchestration("x", instance_id=""), ValueError, "instance_id must not be empty"),
    (lambda c: c.schedule_new_orchestration("x", input=float("nan")), PayloadError, "JSON has no nan"),
    (lambda c: c.schedule_new_orchestration("\udfff"), ValueError, "name must be text"),
    (lambda c: c.wait_for_orchestration_start("x", timeout="5"), TypeError, "timeout is a number of seconds or a"),
    (lambda c: c.wait_for_orchestration_start("x", timeout=timedelta(-1)), ValueError, "timeout is a number"),
    (lambda c: c.schedule_new_orchestration(None), TypeError, "expected a function or its registered name"),
    (lambda c: c.raise_orchestration_event("i", None), TypeError, "event_name must be a string"),
    (lambda c: c.raise_orchestration_event("i", "e", data=[float("inf")]), PayloadError, "JSON has no inf"),
    (lambda c: c.purge_orchestration(None), TypeError, "instance_id must be a string"),
    (lambda c: c.get_orchestration_state(""), ValueError, "instance_id must not be empty"),
    (lambda c: c.wait_for_orchestration_completion("i", timeout=-1), ValueError, "timeout is a number of seconds"),
    (lambda c: c.wait_for_orchestration_start("i", timeout=float("nan")), ValueError, "timeout is a number"),
    (lambda c: c.rerun_orchestration_from_event("i", 1, new_instance_id=""), ValueError, "must not be empty"),
    (lambda c: anext(c.list_instance_ids(page_size=0)), ValueError, "page_size must be at least 1"),
    (lambda c: c.purge_orchestrations_by(created_time_to=5), TypeError, "created_time_to is a datetime"),
]


@pytest.mark.parametrize(("call", "error", "said"), BAD)
async def test_what_makes_no_sense_is_refused_before_it_is_sent(embedded, call, error, said):
    with pytest.raises(error, match=said):
        await call(embedded.client)
    assert [instance_id async for instance_id in embedded.client.list_instance_ids()] == []


async def test_ids_and_names_may_be_any_text(road):
    await road.open(*EVERYTHING)
    for odd in ("a/b/../c", "\u00fc \u2603 \U0001f600", "a:0001", " ", "x" * 500):
        instance_id = f"{road.new_id()} {odd}"
        state = await road.end(doubles, 1, instance_id=instance_id)
        assert (state.instance_id, state.get_output()) == (instance_id, [1, 2, 3])


def test_the_environment_names_the_sidecar(monkeypatch):
    for name in ("DAPR_GRPC_ENDPOINT", "DAPR_GRPC_HOST", "DAPR_RUNTIME_HOST", "DAPR_GRPC_PORT", "DAPR_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    assert Client()._door.target == "127.0.0.1:4001"
    monkeypatch.setenv("DAPR_GRPC_PORT", "50001")
    assert Client()._door.target == "127.0.0.1:50001"
    monkeypatch.setenv("DAPR_RUNTIME_HOST", "::1")
    assert Client()._door.target == "[::1]:50001"
    monkeypatch.setenv("DAPR_GRPC_HOST", "sidecar")
    assert Client()._door.target == "sidecar:50001"
    monkeypatch.setenv("DAPR_GRPC_ENDPOINT", "https://dapr.example")
    assert Client()._door.target == "https://dapr.example"
    assert Client("here:1")._door.target == "here:1"
    monkeypatch.setenv("DAPR_API_TOKEN", "secret")
    assert Client()._door.options == {"metadata": [("dapr-api-token", "secret")]}
    given = Client(channel_options={"metadata": {"dapr-api-token": "mine", "a": "b"}})
    assert given._door.options == {"metadata": {"dapr-api-token": "mine", "a": "b"}}
