"""As it was deployed."""


def reserve(ctx, item):
    return item


def ship(ctx, item):
    return item


async def main(ctx, item):
    await ctx.call_activity(reserve, input=item)
    return await ctx.call_activity(ship, input=item)


ACTIVITIES = [reserve, ship]
