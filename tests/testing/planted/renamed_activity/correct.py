"""The function has a better name, and is called by the one that history knows."""


def reserve_stock(ctx, item):
    return item


async def main(ctx, item):
    return await ctx.call_activity("reserve", input=item)


ACTIVITIES = [reserve_stock]
