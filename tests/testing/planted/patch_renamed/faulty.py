"""The patch has a better name now: instances that have insured under the old one do not any more."""


def pack(ctx, item):
    return item


def insure(ctx, item):
    return item


def ship(ctx, item):
    return item


async def main(ctx, item):
    await ctx.call_activity(pack, input="lamp")
    if ctx.is_patched("insured_since_may"):
        await ctx.call_activity(insure, input="lamp")
    return await ctx.call_activity(ship, input="lamp")


ACTIVITIES = [pack, insure, ship]
