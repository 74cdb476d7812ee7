"""Whether the host is busy is told by an activity."""

import os


def is_busy(ctx, _):
    return os.getloadavg()[0] >= 0.5


def crunch(ctx, day):
    return "crunched"


async def main(ctx, item):
    for _ in range(3):
        if not await ctx.call_activity(is_busy):
            break
        await ctx.sleep(300)
    return await ctx.call_activity(crunch, input="monday")


ACTIVITIES = [is_busy, crunch]
