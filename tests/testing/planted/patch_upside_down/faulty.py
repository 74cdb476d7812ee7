"""The patch was put upside down: instances from before it are the ones that insure."""


def pack(ctx, item):
    return item


def insure(ctx, item):
    return item


def ship(ctx, item):
    return item


async def main(ctx, item):
    await ctx.call_activity(pack, input="lamp")
    if not ctx.is_patched("insured"):
        await ctx.call_activity(insure, input="lamp")
    return await ctx.call_activity(ship, input="lamp")


ACTIVITIES = [pack, insure, ship]
