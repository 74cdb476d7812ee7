"""The code was tidied; the calls are the same."""


def reserve(ctx, item):
    return item


def charge(ctx, item):
    return item


async def main(ctx, item):
    last = None
    for step in (reserve, charge):
        last = await ctx.call_activity(step, input=item)
    return last


ACTIVITIES = [reserve, charge]
