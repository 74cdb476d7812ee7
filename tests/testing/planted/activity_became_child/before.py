"""As it was deployed."""


def ship(ctx, item):
    return item


async def main(ctx, item):
    return await ctx.call_activity(ship, input=item)


ACTIVITIES = [ship]
