"""The consumer stops at a bad record and leaves its end of the channel open: the producer waits for room for ever."""

import trio


def read_page(ctx, number):
    return {"number": number, "ok": number != 1}


def store(ctx, page):
    return page["number"]


async def main(ctx, item):
    send, receive = trio.open_memory_channel(1)
    stored = []

    async def produce():
        async with send:
            for number in range(5):
                await send.send(await ctx.call_activity(read_page, input=number))

    async def consume():
        async for page in receive:
            if not page["ok"]:
                return
            stored.append(await ctx.call_activity(store, input=page))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(produce)
        nursery.start_soon(consume)
    return stored


ACTIVITIES = [read_page, store]
