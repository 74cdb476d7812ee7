"""Fewer calls are made at once: history has one that the code does not make."""


def resize(ctx, n):
    return n


async def main(ctx, item):
    return await ctx.when_all([ctx.call_activity(resize, input=n) for n in range(2)])


ACTIVITIES = [resize]
