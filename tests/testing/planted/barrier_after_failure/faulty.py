"""All parts are to be mounted at once: a part that could not be made never arrives, and the other waits for ever."""

import trio

from trio_durable import TaskFailedError


def make(ctx, part):
    return part


async def main(ctx, item):
    missing = 2
    complete = trio.Event()
    made = []

    async def produce(part):
        nonlocal missing
        try:
            made.append(await ctx.call_activity(make, input=part))
        except TaskFailedError:
            return
        missing -= 1
        if missing == 0:
            complete.set()
        await complete.wait()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(produce, "frame")
        nursery.start_soon(produce, "wheel")
    return sorted(made)


ACTIVITIES = [make]
