"""The heartbeat beside the work is never stopped: the work is done, and the instance goes on for ever."""

import trio


def copy_table(ctx, table):
    return 1000


def beat(ctx, job):
    return None


async def main(ctx, item):
    copied = []

    async def heartbeat():
        while True:
            await ctx.sleep(30)
            await ctx.call_activity(beat, input="copy")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(heartbeat)
        copied.append(await ctx.call_activity(copy_table, input="orders"))
    return copied


ACTIVITIES = [copy_table, beat]
