"""What a client can ask beyond starting and waiting."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest
import trio

from tests.authoring import flows
from trio_durable import (
    AlreadyExistsError,
    Client,
    NotFoundError,
    OrchestrationStatus,
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
        return await client.wait_for_orchestration_completion(instance_id, timeout=20)

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
    return await client.wait_for_orchestration_completion(new, timeout=20)


async def test_rerun_needs_an_ended_instance(embedded):
    await embedded.open(*EVERYTHING)
    instance_id = await embedded.client.schedule_new_orchestration(waits)
    await embedded.client.wait_for_orchestration_start(instance_id, timeout=20)
    with pytest.raises(SidecarError, match="cannot be run again"):
        await embedded.client.rerun_orchestration_from_event(instance_id, 1)


async def test_reuse_policies(road):
    await road.open(*EVERYTHING)
    client = road.client
    instance_id = await client.schedule_new_orchestration(waits, instance_id=road.new_id())
    await client.wait_for_orchestration_start(instance_id, timeout=20)
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
    second = await client.wait_for_orchestration_start(instance_id, timeout=20)
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
    state = await road.client.wait_for_orchestration_completion(again, timeout=20)
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
    state = await road.client.wait_for_orchestration_completion(instance_id, timeout=20)
    assert state.get_output() == [1, 2, 3]
    assert state.last_updated_at >= begin


async def test_a_long_poll_ends_with_its_scope(road):
    await road.open(*EVERYTHING)
    instance_id = await road.client.schedule_new_orchestration(waits, instance_id=road.new_id())
    with trio.move_on_after(0.1) as scope:
        await road.client.wait_for_orchestration_completion(instance_id)
    assert scope.cancelled_caught
    with pytest.raises(TimeoutError):
        await road.client.wait_for_orchestration_completion(instance_id, timeout=0.05)
    await road.client.terminate_orchestration(instance_id, output=0)
    assert (await road.client.get_orchestration_state(instance_id)).get_output() == 0


def test_the_environment_names_the_sidecar(monkeypatch):
    for name in ("DAPR_GRPC_ENDPOINT", "DAPR_GRPC_HOST", "DAPR_RUNTIME_HOST", "DAPR_GRPC_PORT", "DAPR_API_TOKEN"):
        monkeypatch.delenv(name, raising=False)
    assert Client()._target == "127.0.0.1:4001"
    monkeypatch.setenv("DAPR_GRPC_PORT", "50001")
    assert Client()._target == "127.0.0.1:50001"
    monkeypatch.setenv("DAPR_RUNTIME_HOST", "::1")
    assert Client()._target == "[::1]:50001"
    monkeypatch.setenv("DAPR_GRPC_HOST", "sidecar")
    assert Client()._target == "sidecar:50001"
    monkeypatch.setenv("DAPR_GRPC_ENDPOINT", "https://dapr.example")
    assert Client()._target == "https://dapr.example"
    assert Client("here:1")._target == "here:1"
    monkeypatch.setenv("DAPR_API_TOKEN", "secret")
    assert Client()._channel_options == {"metadata": [("dapr-api-token", "secret")]}
    given = Client(channel_options={"metadata": {"dapr-api-token": "mine", "a": "b"}})
    assert given._channel_options == {"metadata": {"dapr-api-token": "mine", "a": "b"}}
