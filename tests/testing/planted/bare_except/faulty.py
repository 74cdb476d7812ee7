"""A loop that cannot be ended from outside."""


def charge(ctx, amount):
    return amount


async def main(ctx, item):
    for _ in range(5):
        try:
            return await ctx.call_activity(charge, input=10)
        except:  # noqa: E722
            continue
    return None


ACTIVITIES = [charge]
