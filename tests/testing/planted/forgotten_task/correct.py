"""Both calls are awaited, together."""


def charge(ctx, amount):
    return amount


def ship(ctx, item):
    return item


async def main(ctx, item):
    payment = ctx.call_activity(charge, input=10)
    shipped = ctx.call_activity(ship, input=item)
    return await ctx.when_all([payment, shipped])


ACTIVITIES = [charge, ship]
