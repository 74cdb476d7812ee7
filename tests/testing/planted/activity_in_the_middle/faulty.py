"""A check was put between the two steps."""


def reserve(ctx, item):
    return item


def check_address(ctx, item):
    return item


def ship(ctx, item):
    return item


async def main(ctx, item):
    await ctx.call_activity(reserve, input=item)
    await ctx.call_activity(check_address, input=item)
    return await ctx.call_activity(ship, input=item)


ACTIVITIES = [reserve, check_address, ship]
