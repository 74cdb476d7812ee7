"""Instances from before the patch go on as they were."""


def pack(ctx, item):
    return item


def insure(ctx, item):
    return item


def ship(ctx, item):
    return item


async def main(ctx, item):
    await ctx.call_activity(pack, input="lamp")
    if ctx.is_patched("insured"):
        await ctx.call_activity(insure, input="lamp")
    return await ctx.call_activity(ship, input="lamp")


ACTIVITIES = [pack, insure, ship]
