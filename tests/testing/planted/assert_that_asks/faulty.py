"""The stock is asked for in an assert: a worker that runs with -O does not ask, and cannot replay those that do."""


def in_stock(ctx, article):
    return True


def ship(ctx, article):
    return article


async def main(ctx, item):
    assert await ctx.call_activity(in_stock, input="lamp")
    return await ctx.call_activity(ship, input="lamp")


ACTIVITIES = [in_stock, ship]
