"""The cache belongs to the instance."""

SANDBOX = "off"


def price(ctx, item):
    return 7


def order(ctx, total):
    return total


async def main(ctx, item):
    prices = {}
    for name in ("tea", "tea"):
        if name not in prices:
            prices[name] = await ctx.call_activity(price, input=name)
    return await ctx.call_activity(order, input=prices["tea"])


ACTIVITIES = [price, order]
