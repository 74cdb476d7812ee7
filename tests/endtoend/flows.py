"""Orchestrators and activities of the end-to-end tests."""

from __future__ import annotations

import time
import uuid
from dataclasses import dataclass
from datetime import timedelta

import trio_durable
from trio_durable import NonRetryableError, RetryPolicy, TaskFailedError, when_all


@dataclass
class Order:
    name: str
    count: int


def upper(ctx, text: str) -> str:
    return text.upper()


async def order_of(ctx, order: Order) -> Order:
    assert isinstance(order, Order)
    return Order(order.name, order.count + 1)


async def same(ctx, value):
    return value


def object_result(ctx):
    return object()


class OutOfStock(Exception):
    pass


async def out_of_stock(ctx, name: str):
    try:
        raise KeyError(name)
    except KeyError as error:
        raise OutOfStock(f"no {name} left") from error


async def sees_classes(ctx, order: Order):
    result = await ctx.call_activity(order_of, input=order)
    assert type(result) is type(order) is Order
    return result


async def falsy(ctx):
    return [await ctx.call_activity(same, input=value) for value in (0, "", False, [], {}, None)]


async def catches(ctx):
    try:
        await ctx.call_activity(out_of_stock, input="pears")
    except TaskFailedError as error:
        inner = error.details.inner
        return [error.details.error_type, error.details.error_message, inner.error_type, error.is_caused_by(KeyError)]


async def child_that_fails(ctx):
    await ctx.call_activity(out_of_stock, input="plums")


async def parent_of_failure(ctx):
    await ctx.call_sub_orchestrator(child_that_fails)


async def calls_unknown_activity(ctx):
    await ctx.call_activity("no_such_activity")


async def calls_object_result(ctx):
    await ctx.call_activity(object_result)


async def returns_object(ctx):
    return object()


async def takes_order(ctx, order: Order):
    return order.count


async def waits(ctx):
    return await ctx.wait_for_external_event("go")


def waits_generator(ctx):
    return (yield ctx.wait_for_external_event("go"))


async def opens_a_file(ctx):
    try:
        with open("/etc/hostname") as file:
            return file.read()
    except Exception:
        return "swallowed"


counter = 0


async def counts_in_a_global(ctx):
    global counter
    counter += 1
    await ctx.sleep(0.01)
    counter += 1
    return counter


async def deterministic(ctx):
    first = (time.time(), str(uuid.uuid4()))
    await ctx.call_activity(same, input=1)
    return [*first, time.time() > first[0], str(uuid.uuid4()) != first[1], str(ctx.new_guid()), ctx.random().random()]


FLAKY_CALLS: list[int] = []


async def flaky(ctx, failures: int):
    FLAKY_CALLS.append(1)
    if len(FLAKY_CALLS) <= failures:
        raise ConnectionError("try again")
    return len(FLAKY_CALLS)


async def hopeless(ctx):
    FLAKY_CALLS.append(1)
    raise NonRetryableError("never")


RETRY = RetryPolicy(first_retry_interval=timedelta(milliseconds=10), max_number_of_attempts=5)


async def retries(ctx):
    return await ctx.call_activity(flaky, input=2, retry_policy=RETRY)


async def retries_hopeless(ctx):
    await ctx.call_activity(hopeless, retry_policy=RETRY)


async def counts_down(ctx, n: int):
    ctx.set_custom_status({"left": n})
    if n > 0:
        ctx.continue_as_new(n - 1, save_events=True)
        return None
    return await ctx.wait_for_external_event("carried", timeout=5)


def fans_out(ctx, n: int):
    results = yield when_all([ctx.call_activity(same, input=k) for k in range(n)])
    return sum(results)


async def races(ctx):
    slow = ctx.create_timer(timedelta(hours=1))
    fast = ctx.call_activity(same, input="fast")
    winner = await ctx.when_any([slow, fast])
    assert winner is fast
    both = await ctx.gather(fast, ctx.call_activity(out_of_stock, input="x"), return_exceptions=True)
    try:
        await ctx.with_timeout(slow, 0.01)
    except TimeoutError:
        late = True
    index, value = await ctx.when_any_with_result([slow, fast])
    return [winner.get_result(), both[0], isinstance(both[1], trio_durable.TaskFailedError), late, index, value]


async def helper(ctx, value):
    first = await ctx.call_activity(same, input=value)
    return await ctx.call_activity(same, input=first + 1)


async def helpers_beside_each_other(ctx):
    return await ctx.when_all([helper(ctx, 10), helper(ctx, 20)])


ALL_ORCHESTRATORS = [
    sees_classes, falsy, catches, child_that_fails, parent_of_failure, calls_unknown_activity, calls_object_result,
    returns_object, takes_order, waits, waits_generator, opens_a_file, counts_in_a_global, deterministic, retries,
    retries_hopeless, counts_down, fans_out, races, helpers_beside_each_other,
]  # fmt: skip
ALL_ACTIVITIES = [upper, order_of, same, object_result, out_of_stock, flaky, hopeless]


async def passes_object(ctx):
    await ctx.call_activity(same, input=object())


ALL_ORCHESTRATORS.append(passes_object)
