"""Everything is caught, the end of the instance included."""


def charge(ctx, amount):
    return amount


async def main(ctx, item):
    try:
        await ctx.call_activity(charge, input=10)
    except BaseException:
        return "not charged"
    return "charged"


ACTIVITIES = [charge]
