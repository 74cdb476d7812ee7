"""The activity has a better name now, which history does not know."""


def reserve_stock(ctx, item):
    return item


async def main(ctx, item):
    return await ctx.call_activity(reserve_stock, input=item)


ACTIVITIES = [reserve_stock]
