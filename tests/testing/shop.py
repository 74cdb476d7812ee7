"""A small shop: the orchestrations that the kit's own tests exercise."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta

from trio_durable import RetryPolicy, TaskFailedError, when_all


@dataclass
class Order:
    item: str
    count: int


def reserve(ctx, order: Order) -> bool:
    return order.count < 10


def charge(ctx, amount: int) -> str:
    return f"receipt {amount}"


def refund(ctx, receipt: str) -> None:
    return None


async def ship(ctx, item: str) -> str:
    return f"parcel of {item}"


async def fulfil(ctx, order: Order):
    """Reserve, charge, wait for the approval, ship; refund when it is not approved in time."""
    if not await ctx.call_activity(reserve, input=order):
        return "sold out"
    retry = RetryPolicy(first_retry_interval=timedelta(seconds=10), max_number_of_attempts=3)
    receipt = await ctx.call_activity(charge, input=order.count, retry_policy=retry)
    ctx.set_custom_status({"charged": receipt})
    try:
        approved = await ctx.wait_for_external_event("approve", timeout=timedelta(days=30))
    except TimeoutError:
        approved = False
    if not approved:
        await ctx.call_activity(refund, input=receipt)
        return "refunded"
    return await ctx.call_activity(ship, input=order.item)


async def fulfil_all(ctx, count: int):
    """Children, at once."""
    orders = [Order(f"item {number}", number) for number in range(count)]
    return await when_all([ctx.call_child_orchestrator(quick, input=order) for order in orders])


async def quick(ctx, order: Order):
    try:
        return await ctx.call_activity(ship, input=order.item)
    except TaskFailedError:
        return "lost"


def generator(ctx, count: int):
    """The other spelling."""
    found = yield when_all([ctx.call_activity(charge, input=number) for number in range(count)])
    yield ctx.create_timer(timedelta(hours=1))
    return found


async def counts_down(ctx, left: int):
    if left <= 0:
        return "lift off"
    await ctx.sleep(1)
    ctx.continue_as_new(left - 1, save_events=True)
    return None


async def waits(ctx):
    return await ctx.wait_for_external_event("go")


async def tells(ctx):
    """Starts another instance and sends it what it waits for."""
    other = ctx.call_child_orchestrator(waits, instance_id=f"{ctx.instance_id}-other")
    await ctx.send_event(f"{ctx.instance_id}-other", "go", data={"n": 0})
    return await other


ORCHESTRATORS = [fulfil, fulfil_all, quick, generator, counts_down, waits]
ACTIVITIES = [reserve, charge, refund, ship]
