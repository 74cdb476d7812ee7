"""The same style of look-up, of something harmless."""

import math


def store(ctx, data):
    return data


async def main(ctx, item):
    read = getattr(math, "".join(["s", "qrt"]))
    return await ctx.call_activity(store, input=read(4))


ACTIVITIES = [store]
