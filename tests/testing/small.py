"""Small orchestrations for the tests of scripts, by what they do."""

from __future__ import annotations

import logging
from datetime import timedelta

import trio

from trio_durable import TaskFailedError


async def two_names(ctx):
    try:
        return [await ctx.call_activity("first"), await ctx.call_activity("second", input=1)]
    except TaskFailedError:
        return "failed"


async def holds(ctx, articles):
    """Forgets the hold of whoever is served beside a failure."""
    held = []

    async def hold(article):
        held.append(await ctx.call_activity("hold", input=article))

    try:
        await ctx.gather(*[hold(article) for article in articles])
        await ctx.sleep(60)
        for _ in range(3):
            await ctx.call_activity("pack")
    except TaskFailedError:
        for article in held:
            await ctx.call_activity("release", input=article)
    return "done"


async def slow_child(ctx):
    await ctx.sleep(timedelta(days=2))


async def tidies(ctx):
    try:
        await ctx.call_child_orchestrator(slow_child)
    finally:
        with trio.CancelScope(shield=True):
            await ctx.call_activity("tidy")


async def complains(ctx, number):
    logging.getLogger("trio_durable.orchestration").warning("complaint %d", number)
    return number


async def in_hash_order(ctx, names):
    """Without the sandbox, another order in each process."""
    for name in {*names, "north", "south", "east", "west", "up", "down", "left", "right"}:
        await ctx.call_activity("visit", input=name)


async def in_order(ctx, names):
    print("this goes nowhere")
    for name in sorted({*names, "north", "south"}):
        await ctx.call_activity("visit", input=name)
