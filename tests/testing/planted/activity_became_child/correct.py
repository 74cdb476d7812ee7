"""The activity was rewritten inside."""


async def ship(ctx, item):
    return str(item)


async def main(ctx, item):
    return await ctx.call_activity(ship, input=item)


ACTIVITIES = [ship]
