"""As it was deployed."""


def reserve(ctx, item):
    return item


async def main(ctx, item):
    return await ctx.call_activity(reserve, input=item)


ACTIVITIES = [reserve]
