"""As it was deployed."""


def reserve(ctx, item):
    return item


def charge(ctx, item):
    return item


async def main(ctx, item):
    await ctx.call_activity(reserve, input=item)
    return await ctx.call_activity(charge, input=item)


ACTIVITIES = [reserve, charge]
