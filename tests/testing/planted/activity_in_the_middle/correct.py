"""The check was put into the activity that ships."""


def reserve(ctx, item):
    return item


def ship(ctx, item):
    assert item != "nowhere"
    return item


async def main(ctx, item):
    await ctx.call_activity(reserve, input=item)
    return await ctx.call_activity(ship, input=item)


ACTIVITIES = [reserve, ship]
