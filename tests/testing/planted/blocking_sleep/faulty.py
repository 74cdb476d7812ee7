"""The pause blocks the worker, and is slept again on every replay."""

import time


def poll(ctx, attempt):
    return attempt > 1


async def main(ctx, item):
    attempt = 0
    while not await ctx.call_activity(poll, input=attempt) and attempt < 3:
        time.sleep(0.001)
        attempt += 1
    return attempt


ACTIVITIES = [poll]
