"""It waits while the host is busy, which it was at another time than it is on replay."""

import os


def crunch(ctx, day):
    return "crunched"


async def main(ctx, item):
    for _ in range(3):
        if os.getloadavg()[0] < 0.5:
            break
        await ctx.sleep(300)
    return await ctx.call_activity(crunch, input="monday")


ACTIVITIES = [crunch]
