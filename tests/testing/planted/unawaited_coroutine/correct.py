"""The helper is awaited."""


def charge(ctx, amount):
    return amount


async def pay(ctx, amount):
    await ctx.call_activity(charge, input=amount)


async def main(ctx, item):
    await pay(ctx, 10)
    return "paid"


ACTIVITIES = [charge]
