"""The charge is awaited."""


def charge(ctx, amount):
    return amount


def ship(ctx, item):
    return item


async def main(ctx, item):
    await ctx.call_activity(charge, input=10)
    return await ctx.call_activity(ship, input=item)


ACTIVITIES = [charge, ship]
