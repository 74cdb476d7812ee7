"""Each of two readers says when it is done; the writer stops at the first of them, and loses what the other had."""

import trio


def read(ctx, source):
    return f"pages of {source}"


def write(ctx, pages):
    return pages


async def main(ctx, item):
    into, out = trio.open_memory_channel(10)

    async def produce(source):
        await into.send(await ctx.call_activity(read, input=source))
        await into.send(None)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(produce, "atlas")
        nursery.start_soon(produce, "index")
        written = 0
        while (pages := await out.receive()) is not None:
            await ctx.call_activity(write, input=pages)
            written += 1
    return written


def check(outcome):
    if outcome.status.name == "COMPLETED":
        assert outcome.result == 2, "pages were lost"


ACTIVITIES = [read, write]
