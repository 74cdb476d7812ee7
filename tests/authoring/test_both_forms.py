"""The same in `async def` and in a generator, on every sidecar: each flow is written twice."""

from __future__ import annotations

from datetime import timedelta

import pytest
import trio

from tests.patience import PATIENCE
from trio_durable import NonRetryableError, OrchestrationStatus, RetryPolicy, TaskFailedError

CALLS: list[str] = []
TWICE = RetryPolicy(first_retry_interval=timedelta(milliseconds=1), max_number_of_attempts=2)


@pytest.fixture(autouse=True)
def _fresh():
    CALLS.clear()


def refuses(ctx, what: str):
    CALLS.append(what)
    try:
        raise KeyError("inside")
    except KeyError as error:
        raise ValueError(f"no {what}") from error


def never_again(ctx, what: str):
    CALLS.append(what)
    raise NonRetryableError(what)


def told(error: TaskFailedError) -> list[object]:
    return [error.details.error_type, error.is_caused_by(KeyError), error.is_caused_by(OSError)]


# -- events ---------------------------------------------------------------------------------------------------------


async def hears(ctx):
    first = await ctx.wait_for_external_event("PRICE", timeout=PATIENCE, data_type=int)
    second = await ctx.wait_for_external_event("price")
    try:
        await ctx.wait_for_external_event("price", timeout=timedelta(milliseconds=1))
    except TimeoutError:
        ctx.set_custom_status({"late": True})
    at = ctx.now()
    await ctx.create_timer(at + timedelta(milliseconds=1))
    assert ctx.now() > at
    third = await ctx.wait_for_external_event("price", data_type=bool)
    return [first, second, third]


def hears_generator(ctx):
    first = yield ctx.wait_for_external_event("PRICE", timeout=PATIENCE, data_type=int)
    second = yield ctx.wait_for_external_event("price")
    try:
        yield ctx.wait_for_external_event("price", timeout=timedelta(milliseconds=1))
    except TimeoutError:
        ctx.set_custom_status({"late": True})
    at = ctx.now()
    yield ctx.create_timer(at + timedelta(milliseconds=1))
    assert ctx.now() > at
    third = yield ctx.wait_for_external_event("price", data_type=bool)
    return [first, second, third]


async def status_of(road, instance_id, wanted):
    with trio.fail_after(PATIENCE):
        while True:
            state = await road.client.get_orchestration_state(instance_id)
            if state is not None and state.get_custom_status() == wanted:
                return
            await trio.sleep(0.01)


@pytest.mark.parametrize("flow", [hears, hears_generator])
async def test_events_keep_their_order_and_waits_their_timeouts(road, flow):
    await road.open([flow])
    instance_id = await road.client.schedule_new_orchestration(flow, instance_id=road.new_id())
    await road.client.raise_orchestration_event(instance_id, "price", data=0)
    await road.client.raise_orchestration_event(instance_id, "Price", data="")
    await status_of(road, instance_id, {"late": True})
    await road.client.raise_orchestration_event(instance_id, "price", data=False)
    state = await road.client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)
    assert state.get_output() == [0, "", False]
    assert state.get_custom_status() == {"late": True}


# -- failures and children ------------------------------------------------------------------------------------------


async def fails(ctx, what: str):
    await ctx.call_activity(refuses, input=what, retry_policy=TWICE)


def fails_generator(ctx, what: str):
    yield ctx.call_activity(refuses, input=what, retry_policy=TWICE)


async def catches(ctx, child: str):
    found = []
    for call in (
        ctx.call_activity(refuses, input="activity"),
        ctx.call_activity(never_again, input="once", retry_policy=TWICE),
        ctx.call_sub_orchestrator(child, input="child", retry_policy=TWICE),
    ):
        try:
            await call
        except TaskFailedError as error:
            found.append(told(error))
    ctx.set_custom_status(found)
    await ctx.call_sub_orchestrator(child, input="goes on")


def catches_generator(ctx, child: str):
    found = []
    for call in (
        ctx.call_activity(refuses, input="activity"),
        ctx.call_activity(never_again, input="once", retry_policy=TWICE),
        ctx.call_sub_orchestrator(child, input="child", retry_policy=TWICE),
    ):
        try:
            yield call
        except TaskFailedError as error:
            found.append(told(error))
    ctx.set_custom_status(found)
    yield ctx.call_sub_orchestrator(child, input="goes on")


@pytest.mark.parametrize("flow", [catches, catches_generator])
@pytest.mark.parametrize("child", [fails, fails_generator])
async def test_failures_are_caught_where_they_are_awaited_and_travel_where_they_are_not(road, flow, child):
    await road.open([flow, child], [refuses, never_again])
    state = await road.end(flow, child.__name__)
    assert state.runtime_status is OrchestrationStatus.FAILED
    assert state.failure_details.is_caused_by(ValueError)
    assert state.failure_details.is_caused_by(KeyError)
    caught = [
        ["ValueError", True, False], ["trio_durable.NonRetryableError", False, False],
        ["trio_durable.TaskFailedError", True, False],
    ]  # fmt: skip
    assert state.get_custom_status() == caught
    assert "no goes on" in state.failure_details.error_message
    assert sorted(CALLS) == ["activity", *["child"] * 4, *["goes on"] * 2, "once"]


async def waits(ctx):
    return await ctx.wait_for_external_event("go")


def waits_generator(ctx):
    return (yield ctx.wait_for_external_event("go"))


async def has_a_child(ctx, child: list[str]):
    try:
        return await ctx.call_sub_orchestrator(child[0], instance_id=child[1])
    except TaskFailedError as error:
        return ["caught", "terminated" in str(error)]


def has_a_child_generator(ctx, child: list[str]):
    try:
        return (yield ctx.call_sub_orchestrator(child[0], instance_id=child[1]))
    except TaskFailedError as error:
        return ["caught", "terminated" in str(error)]


@pytest.mark.parametrize(("flow", "child"), [(has_a_child, waits), (has_a_child_generator, waits_generator)])
async def test_a_child_that_is_terminated_fails_its_parent_which_may_go_on(road, flow, child):
    await road.open([flow, child])
    parent, below = road.new_id(), road.new_id()
    await road.client.schedule_new_orchestration(flow, input=[child.__name__, below], instance_id=parent)
    with trio.fail_after(PATIENCE):
        while await road.client.get_orchestration_state(below) is None:
            await trio.sleep(0.01)
    await road.client.terminate_orchestration(below)
    state = await road.client.wait_for_orchestration_completion(parent, timeout=PATIENCE)
    assert state.get_output() == ["caught", True]


# -- suspend, resume, terminate, continue as new --------------------------------------------------------------------


@pytest.mark.parametrize("flow", [waits, waits_generator])
async def test_a_suspended_one_hears_nothing_until_it_is_resumed(road, flow):
    await road.open([flow])
    instance_id = await road.client.schedule_new_orchestration(flow, instance_id=road.new_id())
    await road.client.wait_for_orchestration_start(instance_id, timeout=PATIENCE)
    await road.client.suspend_orchestration(instance_id)
    await road.client.raise_orchestration_event(instance_id, "go", data=[])
    state = await road.client.get_orchestration_state(instance_id)
    assert state.runtime_status is OrchestrationStatus.SUSPENDED
    await road.client.resume_orchestration(instance_id)
    state = await road.client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)
    assert state.get_output() == []


@pytest.mark.parametrize("flow", [waits, waits_generator])
async def test_a_terminated_one_ends_with_the_terminators_words(road, flow):
    await road.open([flow])
    instance_id = await road.client.schedule_new_orchestration(flow, instance_id=road.new_id())
    await road.client.wait_for_orchestration_start(instance_id, timeout=PATIENCE)
    await road.client.terminate_orchestration(instance_id, output=0)
    state = await road.client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)
    assert (state.runtime_status, state.get_output()) == (OrchestrationStatus.TERMINATED, 0)


async def collects(ctx, seen: list):
    ctx.set_custom_status(len(seen))
    seen.append(await ctx.wait_for_external_event("item"))
    if len(seen) == 3:
        return seen
    ctx.continue_as_new(seen, save_events=True)


def collects_generator(ctx, seen: list):
    ctx.set_custom_status(len(seen))
    seen.append((yield ctx.wait_for_external_event("item")))
    if len(seen) == 3:
        return seen
    ctx.continue_as_new(seen, save_events=True)


@pytest.mark.parametrize("flow", [collects, collects_generator])
async def test_unread_events_are_carried_into_the_next_generation(road, flow):
    await road.open([flow])
    instance_id = await road.client.schedule_new_orchestration(flow, input=[], instance_id=road.new_id())
    await road.client.wait_for_orchestration_start(instance_id, timeout=PATIENCE)
    await road.client.suspend_orchestration(instance_id)
    for item in (0, None, "last"):
        await road.client.raise_orchestration_event(instance_id, "item", data=item)
    await road.client.resume_orchestration(instance_id)
    state = await road.client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)
    assert (state.get_output(), state.get_custom_status()) == ([0, None, "last"], 2)
