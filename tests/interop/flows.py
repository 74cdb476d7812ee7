"""The orchestrations that every sidecar must run alike: in memory, over gRPC, and on the real Go one, unchanged."""

from __future__ import annotations

import threading
from collections import Counter
from collections.abc import Generator
from datetime import timedelta
from typing import Any

from trio_durable import (
    ActivityContext,
    NonRetryableError,
    OrchestrationContext,
    RetryPolicy,
    TaskFailedError,
    when_all,
)

Steps = Generator[Any, Any, Any]
SOON = timedelta(milliseconds=50)
LATE = timedelta(hours=1)
RETRY = RetryPolicy(first_retry_interval=timedelta(milliseconds=20), max_number_of_attempts=3)

# -- activities ---------------------------------------------------------------------------------------------------

attempts: Counter[str] = Counter()
_lock = threading.Lock()


class OutOfStockError(Exception):
    pass


async def greet(ctx: ActivityContext, city: str) -> str:
    return f"Hello {city}!"


def square(ctx: ActivityContext, number: int) -> int:
    return number * number


def echo(ctx: ActivityContext, value: object) -> object:
    return value


def fail(ctx: ActivityContext, what: str) -> None:
    try:
        raise KeyError(what)
    except KeyError as error:
        raise OutOfStockError(f"no {what} left") from error


def third_time_lucky(ctx: ActivityContext, key: str) -> int:
    with _lock:
        attempts[key] += 1
        if attempts[key] < 3:
            raise ConnectionError(f"attempt {attempts[key]}")
        return attempts[key]


def never_lucky(ctx: ActivityContext, key: str) -> None:
    with _lock:
        attempts[key] += 1
    raise ConnectionError("always")


def never_again(ctx: ActivityContext, key: str) -> None:
    with _lock:
        attempts[key] += 1
    raise NonRetryableError("do not try again")


# -- chains and fans ----------------------------------------------------------------------------------------------

CITIES = ["Tokyo", "Seattle", "London"]


async def chain(ctx: OrchestrationContext) -> list[str]:
    return [await ctx.call_activity(greet, input=city) for city in CITIES]


def chain_generator(ctx: OrchestrationContext) -> Steps:
    greetings = []
    for city in CITIES:
        greetings.append((yield ctx.call_activity(greet, input=city)))
    return greetings


async def fan_out(ctx: OrchestrationContext, width: int) -> int:
    return sum(await ctx.when_all([ctx.call_activity(square, input=k) for k in range(width)]))


def fan_out_generator(ctx: OrchestrationContext, width: int) -> Steps:
    return sum((yield when_all([ctx.call_activity(square, input=k) for k in range(width)])))


async def falsy(ctx: OrchestrationContext, first: Any) -> list[Any]:
    return [first, *[await ctx.call_activity(echo, input=value) for value in (0, "", False, [], {}, None)]]


async def carries(ctx: OrchestrationContext, text: str) -> str:
    returned = await ctx.call_activity(echo, input=text)
    assert isinstance(returned, str)
    return returned


# -- timers -------------------------------------------------------------------------------------------------------

async def sleeps(ctx: OrchestrationContext) -> float:
    began = ctx.current_utc_datetime
    await ctx.create_timer(timedelta(milliseconds=300))
    return (ctx.current_utc_datetime - began).total_seconds()


def sleeps_generator(ctx: OrchestrationContext) -> Steps:
    began = ctx.current_utc_datetime
    yield ctx.create_timer(timedelta(milliseconds=300))
    return (ctx.current_utc_datetime - began).total_seconds()


async def timers_in_order(ctx: OrchestrationContext) -> list[str]:
    fired: list[str] = []

    async def after(milliseconds: int, name: str) -> None:
        await ctx.create_timer(timedelta(milliseconds=milliseconds))
        fired.append(name)

    await ctx.when_all([after(400, "last"), after(50, "first"), after(200, "middle")])
    return fired


async def races(ctx: OrchestrationContext) -> list[object]:
    slow = ctx.create_timer(LATE)
    quick = ctx.call_activity(greet, input="you")
    winner = await ctx.when_any([slow, quick])
    # The loser is still pending; work after the race must not be disturbed by it.
    return [winner is quick, quick.get_result(), await ctx.call_activity(square, input=7)]


# -- external events ----------------------------------------------------------------------------------------------

async def waits(ctx: OrchestrationContext) -> object:
    return await ctx.wait_for_external_event("Go")


def waits_generator(ctx: OrchestrationContext) -> Steps:
    return (yield ctx.wait_for_external_event("Go"))


async def waits_late(ctx: OrchestrationContext, count: int) -> list[object]:
    await ctx.wait_for_external_event("begin")
    return [await ctx.wait_for_external_event("go") for _ in range(count)]


async def waits_a_while(ctx: OrchestrationContext, seconds: float) -> object:
    try:
        return await ctx.wait_for_external_event("go", timeout=seconds)
    except TimeoutError:
        return ["timed out", await ctx.wait_for_external_event("go")]


async def approval(ctx: OrchestrationContext, patience: float) -> str:
    approved = ctx.wait_for_external_event("approved", data_type=str)
    deadline = ctx.create_timer(timedelta(seconds=patience))
    if await ctx.when_any([approved, deadline]) is deadline:
        return "expired"
    return f"approved by {approved.get_result()}"


def approval_generator(ctx: OrchestrationContext, patience: float) -> Steps:
    approved = ctx.wait_for_external_event("approved", data_type=str)
    deadline = ctx.create_timer(timedelta(seconds=patience))
    winner = yield ctx.when_any([approved, deadline])
    return "expired" if winner is deadline else f"approved by {approved.get_result()}"


# -- children -----------------------------------------------------------------------------------------------------

async def parent(ctx: OrchestrationContext) -> list[Any]:
    named = ctx.call_child_orchestrator(who_am_i, instance_id=f"{ctx.instance_id}-named")
    unnamed = ctx.call_child_orchestrator(who_am_i)
    return await ctx.when_all([named, unnamed])


async def who_am_i(ctx: OrchestrationContext) -> list[str | None]:
    return [ctx.instance_id, ctx.parent_instance_id]


def parent_generator(ctx: OrchestrationContext) -> Steps:
    return (yield ctx.call_child_orchestrator(chain_generator))


async def many_children(ctx: OrchestrationContext, count: int) -> int:
    return sum(await ctx.when_all([ctx.call_child_orchestrator(fan_out, input=k) for k in range(count)]))


async def failing_child(ctx: OrchestrationContext) -> None:
    await ctx.call_activity(fail, input="plums")


async def catches_child(ctx: OrchestrationContext) -> list[object]:
    try:
        await ctx.call_child_orchestrator(failing_child)
    except TaskFailedError as error:
        return ["caught", "no plums left" in str(error)]
    return ["nothing to catch"]


async def waits_for_child(ctx: OrchestrationContext) -> object:
    try:
        return await ctx.call_child_orchestrator(waits, instance_id=f"{ctx.instance_id}-child")
    except TaskFailedError:
        return "the child did not make it"


# -- failures and retries -----------------------------------------------------------------------------------------

async def fails(ctx: OrchestrationContext) -> None:
    raise OutOfStockError("no pears left")


async def fails_in_activity(ctx: OrchestrationContext) -> None:
    await ctx.call_activity(fail, input="pears")


async def catches(ctx: OrchestrationContext) -> list[str]:
    try:
        await ctx.call_activity(fail, input="pears")
    except TaskFailedError as error:
        return [error.details.error_type.rpartition(".")[2], error.details.error_message]
    return []


async def calls_unknown_activity(ctx: OrchestrationContext) -> None:
    await ctx.call_activity("no_such_activity")


async def retries(ctx: OrchestrationContext) -> int:
    return await ctx.call_activity(third_time_lucky, input=ctx.instance_id, retry_policy=RETRY)


def retries_generator(ctx: OrchestrationContext) -> Steps:
    return (yield ctx.call_activity(third_time_lucky, input=ctx.instance_id, retry_policy=RETRY))


async def retries_in_vain(ctx: OrchestrationContext) -> None:
    await ctx.call_activity(never_lucky, input=ctx.instance_id, retry_policy=RETRY)


async def does_not_retry(ctx: OrchestrationContext) -> None:
    await ctx.call_activity(never_again, input=ctx.instance_id, retry_policy=RETRY)


async def lucky_child(ctx: OrchestrationContext, key: str) -> int:
    return await ctx.call_activity(third_time_lucky, input=key)


async def retries_child(ctx: OrchestrationContext) -> int:
    return await ctx.call_child_orchestrator(lucky_child, input=ctx.instance_id, retry_policy=RETRY)


# -- the rest -----------------------------------------------------------------------------------------------------

async def shows_status(ctx: OrchestrationContext) -> str:
    ctx.set_custom_status({"step": 1})
    await ctx.wait_for_external_event("go")
    return "done"


async def counts_down(ctx: OrchestrationContext, number: int) -> str:
    await ctx.create_timer(SOON)
    if number > 0:
        ctx.continue_as_new(number - 1)
        return ""
    return "lift-off"


async def collects(ctx: OrchestrationContext, seen: list[int]) -> list[int]:
    seen = [*seen, await ctx.wait_for_external_event("item", data_type=int)]
    if len(seen) < 3:
        ctx.continue_as_new(seen, save_events=True)
    return seen


async def ticks(ctx: OrchestrationContext, number: int) -> None:
    await ctx.wait_for_external_event("tick")
    ctx.continue_as_new(number + 1)


async def deterministic(ctx: OrchestrationContext) -> bool:
    before = [ctx.new_guid(), ctx.random().random()]
    await ctx.create_timer(SOON)
    return before != [ctx.new_guid(), ctx.random().random()]


ORCHESTRATORS = [
    chain, chain_generator, fan_out, fan_out_generator, falsy, carries, sleeps, sleeps_generator, timers_in_order,
    races, waits, waits_generator, waits_late, waits_a_while, approval, approval_generator, parent, who_am_i,
    parent_generator, many_children, failing_child, catches_child, waits_for_child, fails, fails_in_activity, catches,
    calls_unknown_activity, retries, retries_generator, retries_in_vain, does_not_retry, lucky_child, retries_child,
    shows_status, counts_down, collects, deterministic, ticks,
]  # fmt: skip
ACTIVITIES = [greet, square, echo, fail, third_time_lucky, never_lucky, never_again]
