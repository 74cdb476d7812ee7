"""What type checkers make of the public API; read by mypy and pyright, never run."""

from __future__ import annotations

from collections.abc import Generator
from dataclasses import dataclass
from datetime import timedelta
from typing import Any, assert_type

from trio_durable import (
    ActivityContext,
    BlockingClient,
    Client,
    DurableFuture,
    OrchestrationContext,
    OrchestrationState,
    RetryPolicy,
    Worker,
    abc,
    when_all,
    when_any,
)


@dataclass
class Order:
    name: str


@dataclass
class Receipt:
    total: int


def charge(ctx: ActivityContext, order: Order) -> Receipt:
    return Receipt(1)


async def charge_async(ctx: ActivityContext, order: Order) -> Receipt:
    return Receipt(1)


def notify(ctx: ActivityContext) -> None:
    return None


async def child(ctx: OrchestrationContext, order: Order) -> list[int]:
    return [1]


def child_generator(ctx: OrchestrationContext, order: Order) -> Generator[DurableFuture[Any], Any, int]:
    yield ctx.sleep(1)
    return 1


async def helper(ctx: OrchestrationContext) -> str:
    return ""


async def orchestration(ctx: OrchestrationContext, order: Order) -> None:
    assert_type(ctx.call_activity(charge, input=order), DurableFuture[Receipt])
    assert_type(await ctx.call_activity(charge, input=order), Receipt)
    assert_type(await ctx.call_activity(charge_async, input=order), Receipt)
    assert_type(await ctx.call_activity("charge", input=order), Any)
    assert_type(await ctx.call_activity("charge", return_type=Receipt), Receipt)
    policy = RetryPolicy(first_retry_interval=timedelta(1), max_number_of_attempts=3, jitter=0.5)
    assert_type(await ctx.call_activity(charge, retry_policy=policy, app_id="b", metadata={"a": "b"}), Receipt)
    assert_type(await ctx.call_sub_orchestrator(child, input=order), list[int])
    assert_type(await ctx.call_sub_orchestrator(child_generator, input=order), int)
    assert_type(await ctx.call_child_workflow("child", return_type=int), int)
    assert_type(await ctx.wait_for_external_event("e"), Any)
    assert_type(await ctx.wait_for_external_event("e", data_type=Order, timeout=timedelta(1)), Order)
    assert_type(await ctx.when_all([ctx.call_activity(charge), ctx.call_activity(charge_async)]), list[Receipt])
    assert_type(await when_all([ctx.call_activity(charge)]), list[Receipt])
    winner = await when_any([ctx.call_activity(charge), ctx.sleep(1)])
    assert_type(winner, DurableFuture[Any])
    assert_type(await ctx.when_any_with_result([ctx.call_activity(charge)]), tuple[int, Receipt])
    assert_type(await ctx.gather(ctx.call_activity(charge)), list[Receipt])
    assert_type(await ctx.gather(helper(ctx), helper(ctx)), list[str])
    assert_type(
        await ctx.gather(ctx.call_activity(charge), return_exceptions=True), list[Receipt | BaseException]
    )
    assert_type(await ctx.with_timeout(ctx.call_activity(charge), 1), Receipt)
    assert_type(await ctx.with_timeout(helper(ctx), timedelta(1)), str)
    assert_type(ctx.random_choice([1, 2]), int)
    assert_type(ctx.schedule_new_orchestration(child, input=order), str)
    assert_type(ctx.is_patched("x"), bool)
    async with ctx.saga() as saga:
        saga.compensate(charge, input=order, retry_policy=policy)
    async with ctx as same:
        assert_type(same, OrchestrationContext)


async def client(client: Client) -> None:
    assert_type(await client.schedule_new_orchestration(orchestration, input=Order("x")), str)
    state = await client.wait_for_orchestration_completion("i", timeout=1)
    assert_type(state, OrchestrationState)
    assert_type(state.get_output(list[int]), list[int])
    assert_type(state.get_output(), Any)
    async for instance_id in client.list_instance_ids():
        assert_type(instance_id, str)


def blocking(client: BlockingClient) -> None:
    assert_type(client.schedule_new_orchestration("x", input=1), str)
    assert_type(client.get_orchestration_state("i"), OrchestrationState | None)


def registration(worker: Worker) -> None:
    assert_type(worker.add_activity(notify)(ActivityContext("", "", 1)), None)

    @worker.activity()
    def decorated(ctx: ActivityContext, number: int) -> int:
        return number

    assert_type(decorated(ActivityContext("", "", 1), 1), int)

    @worker.activity
    def bare(ctx: ActivityContext, number: int) -> int:
        return number

    @worker.orchestrator
    async def orchestrated(ctx: OrchestrationContext) -> int:
        return sum(await ctx.call_child_orchestrator(child, input=Order("a"), version="2"))

    assert_type(bare(ActivityContext("", "", 1), 1), int)


class Reverse:
    def to_json(self, value: object) -> str:
        return ""

    def from_json(self, text: str, wanted: Any = None) -> Any:
        return None


converter: abc.Converter = Reverse()
Worker(converter=converter)
