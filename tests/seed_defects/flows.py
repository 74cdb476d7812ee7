"""Orchestrations that would show the defects, where they were there."""

from __future__ import annotations

import random
import time
import uuid
from datetime import datetime
from random import randint

from trio_durable import TaskFailedError


def echo(ctx, value):
    return value


def sees_metadata(ctx):
    return ctx.metadata


class Sold(Exception):
    pass


def refuses(ctx):
    try:
        raise KeyError("shelf")
    except KeyError as error:
        raise Sold("the last one is sold") from error


def large(ctx, size: int) -> str:
    return "x" * size


# 5


async def hands_down(ctx):
    ctx.set_metadata({"tenant": "blue"})
    return [await ctx.call_activity(sees_metadata), await ctx.call_sub_orchestrator(below), ctx.get_headers()]


async def below(ctx):
    return [ctx.get_metadata(), await ctx.call_activity(sees_metadata)]


# 6 and 16


class Mine(Exception):
    pass


async def raises_its_own(ctx):
    raise Mine("as it is")


async def catches(ctx):
    try:
        await ctx.call_activity(refuses)
    except TaskFailedError as error:
        caught = [error.details.error_type.rpartition(".")[2], error.details.inner.error_type]
    else:
        caught = None
    finally:
        after = await ctx.call_activity(echo, input="finally")
    return [caught, after]


def catches_generator(ctx):
    try:
        yield ctx.call_activity(refuses)
    except TaskFailedError as error:
        caught = [error.details.error_type.rpartition(".")[2], error.details.inner.error_type]
    else:
        caught = None
    finally:
        after = yield ctx.call_activity(echo, input="finally")
    return [caught, after]


# 7, 8 and 9


async def draws(ctx):
    values = []
    for _ in range(3):
        values += [str(uuid.uuid4()), str(ctx.uuid4()), random.random(), ctx.random().random(), randint(0, 10**12)]
        values += [random.choice(range(10**12)), str(uuid.uuid4()), str(ctx.uuid4()), ctx.random().random()]
        await ctx.call_activity(echo, input=1)
    return values


async def tells_time(ctx):
    first = [datetime.now().timestamp(), time.time(), ctx.now().timestamp()]
    await ctx.sleep(0.02)
    second = [datetime.now().timestamp(), time.time(), ctx.now().timestamp()]
    await ctx.call_activity(echo, input=1)
    return [first, second]


async def reads_the_environment(ctx):
    import os

    return os.environ["HOME"]


# 12


async def carries_falsy(ctx, state):
    if state["turn"] == 0:
        ctx.continue_as_new({"turn": 1, "value": state["value"]}, save_events=True)
        return None
    heard = await ctx.wait_for_external_event("it")
    return [state["value"], heard, await ctx.call_activity(echo, input=state["value"])]


async def waits(ctx):
    return await ctx.wait_for_external_event("never")


# 14


async def waits_then_works(ctx):
    heard = await ctx.wait_for_external_event("go")
    return await ctx.call_activity(echo, input=heard)


# 15


async def gets_large(ctx, size: int):
    return len(await ctx.call_activity(large, input=size))


# 18


async def everything_at_once(ctx, n: int):
    ctx.set_custom_status({"generation": n})
    if n == 0:
        ctx.set_metadata({"kept": "yes"})
    if n < 2:
        await ctx.call_activity(echo, input=n)
        ctx.continue_as_new(n + 1, save_events=True, save_metadata=True)
        return None
    return [ctx.get_metadata(), await ctx.wait_for_external_event("early", timeout=5)]


ORCHESTRATORS = [
    hands_down, below, raises_its_own, catches, catches_generator, draws, tells_time, reads_the_environment,
    carries_falsy, waits, waits_then_works, gets_large, everything_at_once,
]  # fmt: skip
ACTIVITIES = [echo, sees_metadata, refuses, large]
