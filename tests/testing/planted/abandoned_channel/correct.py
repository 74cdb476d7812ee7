"""The consumer closes its end when it stops, and the producer ends when nobody listens."""

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
                page = await ctx.call_activity(read_page, input=number)
                try:
                    await send.send(page)
                except trio.BrokenResourceError:
                    return

    async def consume():
        async with receive:
            async for page in receive:
                if not page["ok"]:
                    return
                stored.append(await ctx.call_activity(store, input=page))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(produce)
        nursery.start_soon(consume)
    return stored


ACTIVITIES = [read_page, store]
