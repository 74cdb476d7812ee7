"""Orchestrations with something wrong, in a module of their own as orchestrations should be."""

from __future__ import annotations

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
