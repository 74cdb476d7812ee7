"""A request to the outside, in the middle of a replay."""

import urllib.request


def pay(ctx, rate):
    return rate


async def main(ctx, item):
    with urllib.request.urlopen("http://127.0.0.1:9/rate") as reply:
        rate = reply.read().decode()
    return await ctx.call_activity(pay, input=rate)


ACTIVITIES = [pay]
