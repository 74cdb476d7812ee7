"""What the histories of `tests/histories/go` were recorded with.  Never change one of these: add another beside it."""

from __future__ import annotations

from datetime import timedelta

import trio

from trio_durable import RetryPolicy, TaskFailedError

SOON = RetryPolicy(first_retry_interval=timedelta(milliseconds=10), max_number_of_attempts=3)


def double(ctx, number: int) -> int:
    return 2 * number


def refuse(ctx, what: str) -> None:
    raise ConnectionError(f"no {what}")


async def activities(ctx, count: int):
    first = [await ctx.call_activity(double, input=number) for number in range(count)]
    return first + await ctx.when_all([ctx.call_activity(double, input=number) for number in (10, 20)])


def activities_generator(ctx, count: int):
    found = []
    for number in range(count):
        found.append((yield ctx.call_activity(double, input=number)))
    return found


async def timers(ctx, seconds: float):
    began = ctx.now()
    await ctx.create_timer(timedelta(seconds=seconds))
    await ctx.sleep(seconds)
    with trio.move_on_after(seconds):
        await ctx.wait_for_external_event("never")
    return ctx.now() - began >= timedelta(seconds=3 * seconds)


async def children(ctx, count: int):
    named = ctx.call_child_orchestrator(activities, input=1, instance_id=f"{ctx.instance_id}-named")
    try:
        await ctx.call_child_orchestrator(fails, input="cake")
    except TaskFailedError as error:
        return [await named, error.details.error_type, str(ctx.new_guid())]


async def events(ctx):
    heard = [await ctx.wait_for_external_event("go") for _ in range(2)]
    return [heard, await ctx.wait_for_external_event("stop", timeout=timedelta(hours=1))]


async def retries(ctx, what: str):
    try:
        await ctx.call_activity(refuse, input=what, retry_policy=SOON)
    except TaskFailedError as error:
        return error.details.error_message


async def fails(ctx, what: str):
    raise KeyError(what)


async def counts_down(ctx, left: int):
    await ctx.call_activity(double, input=left)
    if left:
        ctx.continue_as_new(left - 1, save_events=True)
        return None
    return "lift off"


async def tells(ctx):
    for text in ("begun", {"half": 0.5}, None):
        ctx.set_custom_status(text)
        await ctx.call_activity(double, input=1)
    return "told"


async def nursery(ctx, count: int):
    found = []

    async def one(number: int) -> None:
        found.append(await ctx.call_activity(double, input=number))

    async with trio.open_nursery() as tasks:
        for number in range(count):
            tasks.start_soon(one, number)
    return sorted(found)


ORCHESTRATORS = [
    activities, activities_generator, timers, children, events, retries, fails, counts_down, tells, nursery,
]  # fmt: skip
ACTIVITIES = [double, refuse]
