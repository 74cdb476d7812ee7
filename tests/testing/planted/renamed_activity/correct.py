"""The function has a better name, and the one that history knows still leads to it."""


def reserve_stock(ctx, item):
    return item


def reserve(ctx, item):
    return reserve_stock(ctx, item)


async def main(ctx, item):
    return await ctx.call_activity("reserve", input=item)


ACTIVITIES = [reserve_stock, reserve]
