"""As it was deployed."""


def pack(ctx, item):
    return item


def ship(ctx, item):
    return item


async def main(ctx, item):
    await ctx.call_activity(pack, input="lamp")
    return await ctx.call_activity(ship, input="lamp")


ACTIVITIES = [pack, ship]
