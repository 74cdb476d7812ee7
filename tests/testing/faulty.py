"""Orchestrations with something wrong, in a module of their own as orchestrations should be."""

from __future__ import annotations

import trio

from trio_durable import TaskFailedError

drifts_calls: list[int] = []


async def drifts(ctx):
    drifts_calls.append(1)
    await ctx.call_activity("charge", input=0)
    await ctx.call_activity("charge", input=len(drifts_calls))


async def waits_twice(ctx):
    await ctx.wait_for_external_event("go")
    await ctx.wait_for_external_event("go")


async def swallows(ctx):
    try:
        return await ctx.call_activity("charge", input=1)
    except TaskFailedError:
        return None


async def refunds_twice(ctx):
    receipt = await ctx.call_activity("charge", input=1)
    cancelled, shipped = ctx.wait_for_external_event("cancel"), ctx.call_activity("ship")
    await ctx.when_any([cancelled, shipped])
    if cancelled.is_complete:
        await ctx.call_activity("refund", input=receipt)
    try:
        await shipped
    except TaskFailedError:
        await ctx.call_activity("refund", input=receipt)


async def ignores_cancellation(ctx):
    with trio.CancelScope(shield=True):
        for _ in range(12):
            await ctx.sleep(30 * 86400)


async def last_wins(ctx):
    verdict = None

    async def ask(amount):
        nonlocal verdict
        verdict = await ctx.call_activity("charge", input=amount)

    await ctx.gather(ask(1), ask(2))
    return verdict
