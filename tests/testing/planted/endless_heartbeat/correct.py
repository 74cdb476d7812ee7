"""When the work is done, the nursery of the heartbeat is cancelled."""

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
        nursery.cancel_scope.cancel()
    return copied


ACTIVITIES = [copy_table, beat]
