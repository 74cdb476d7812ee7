"""The charge is asked for, and nobody learns whether it failed."""


def charge(ctx, amount):
    return amount


def ship(ctx, item):
    return item


async def main(ctx, item):
    ctx.call_activity(charge, input=10)
    return await ctx.call_activity(ship, input=item)


ACTIVITIES = [charge, ship]
