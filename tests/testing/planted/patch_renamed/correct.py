"""The name of the patch stays; a comment says what it means."""


def pack(ctx, item):
    return item


def insure(ctx, item):
    return item


def ship(ctx, item):
    return item


async def main(ctx, item):
    await ctx.call_activity(pack, input="lamp")
    # since May all parcels are insured
    if ctx.is_patched("insured"):
        await ctx.call_activity(insure, input="lamp")
    return await ctx.call_activity(ship, input="lamp")


ACTIVITIES = [pack, insure, ship]
