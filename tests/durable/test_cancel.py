"""Graceful cancel, end to end on the embedded sidecar."""

from __future__ import annotations

import pytest
import trio

from tests.patience import PATIENCE
from trio_durable import Client, OrchestrationStatus, TaskFailedError, Worker
from trio_durable.sidecar import open_sidecar

ORDER = []


async def refund(ctx, order: str) -> str:
    ORDER.append(f"refunded {order}")
    return order


async def cleans_up(ctx, order: str) -> str:
    try:
        await ctx.wait_for_external_event("shipped")
    finally:
        await ctx.call_activity(refund, input="never")  # a call in a cancelled scope takes no id
        raise AssertionError("not reached")


async def cleans_up_shielded(ctx, order: str) -> str:
    try:
        await ctx.wait_for_external_event("shipped")
    finally:
        with trio.CancelScope(shield=True):
            await trio.sleep(0.01)
            await ctx.call_activity(refund, input=order)


async def pay(ctx, order: str) -> None:
    ORDER.append(f"paid {order}")


async def pays(ctx, order: str) -> None:
    try:
        await ctx.call_activity(pay, input=order)
    finally:
        with trio.CancelScope(shield=True):
            await ctx.call_activity(refund, input=order)


async def in_nurseries(ctx, order: str) -> None:
    async with trio.open_nursery() as outer, trio.open_nursery() as inner:
        outer.start_soon(trio.sleep_forever)
        inner.start_soon(trio.sleep_forever)
        await ctx.wait_for_external_event("shipped")


async def answers(ctx, order: str) -> str:
    try:
        await ctx.wait_for_external_event("shipped")
    except trio.Cancelled as error:
        return f"stopped: {error.reason}"


async def parent(ctx, order: str) -> str:
    try:
        return await ctx.call_child_orchestrator(cleans_up_shielded, input=order, instance_id=f"child-{order}")
    except TaskFailedError as error:
        return "child was cancelled: " + str("Cancelled" in error.details.error_type)


def generator(ctx, order: str):
    try:
        yield ctx.wait_for_external_event("shipped")
    finally:
        ORDER.append("generator ended")


@pytest.fixture
async def client():
    ORDER.clear()
    async with open_sidecar(":memory:") as sidecar:
        worker = Worker(sidecar.channel())
        for function in (cleans_up, cleans_up_shielded, in_nurseries, answers, parent, generator):
            worker.add_orchestrator(function)
        worker.add_activity(refund)
        async with trio.open_nursery() as nursery, Client(sidecar.channel()) as client:
            await nursery.start(worker.serve)
            yield client
            nursery.cancel_scope.cancel()


async def run(client, function, order, *, cancel=None, reason=None):
    instance = await client.schedule_new_orchestration(function, input=order)
    await client.wait_for_orchestration_start(instance)
    await client.cancel_orchestration(cancel or instance, reason=reason)
    return await client.wait_for_orchestration_completion(instance, timeout=PATIENCE)


async def test_shielded_cleanup_runs_durably(client):
    state = await run(client, cleans_up_shielded, "o1", reason="customer left")
    assert state.runtime_status is OrchestrationStatus.CANCELED
    assert "customer left" in state.failure_details.error_message
    assert ORDER == ["refunded o1"]
    assert state.is_complete
    state.raise_if_failed()  # it did not fail


async def test_unshielded_cleanup_meets_the_cancellation_again(client):
    state = await run(client, cleans_up, "o2")
    assert state.runtime_status is OrchestrationStatus.CANCELED
    assert ORDER == []


async def test_a_cancellation_says_why_however_many_nurseries_it_went_through(client):
    state = await run(client, in_nurseries, "o8", reason="customer left")
    assert state.runtime_status is OrchestrationStatus.CANCELED
    assert state.failure_details.error_type == "trio.Cancelled"
    assert "customer left" in state.failure_details.error_message


async def test_code_may_answer_instead(client):
    state = await run(client, answers, "o3", reason="why not")
    assert state.runtime_status is OrchestrationStatus.COMPLETED
    assert state.get_output() == "stopped: why not"


async def test_a_generator_is_cancelled_where_it_waits(client):
    state = await run(client, generator, "o4")
    assert state.runtime_status is OrchestrationStatus.CANCELED


async def test_a_cancelled_child_fails_its_parents_wait(client):
    instance = await client.schedule_new_orchestration(parent, input="o5")
    with trio.fail_after(PATIENCE):
        while await client.get_orchestration_state("child-o5") is None:
            await trio.lowlevel.checkpoint()
        await client.wait_for_orchestration_start("child-o5")
        await client.cancel_orchestration("child-o5")
        state = await client.wait_for_orchestration_completion(instance)
    assert state.get_output() == "child was cancelled: True"
    assert ORDER == ["refunded o5"]


async def test_what_is_cancelled_before_a_worker_has_it_only_tidies_up():
    ORDER.clear()
    async with open_sidecar(":memory:") as sidecar, Client(sidecar.channel()) as client:
        instance = await client.schedule_new_orchestration(pays, input="o9")
        await client.cancel_orchestration(instance, reason="changed my mind")
        worker = Worker(sidecar.channel())
        worker.add_orchestrator(pays)
        worker.add_activity(pay)
        worker.add_activity(refund)
        async with trio.open_nursery() as nursery:
            await nursery.start(worker.serve)
            state = await client.wait_for_orchestration_completion(instance, timeout=PATIENCE)
            nursery.cancel_scope.cancel()
    assert state.runtime_status is OrchestrationStatus.CANCELED
    assert "changed my mind" in state.failure_details.error_message
    assert ORDER == ["refunded o9"]
