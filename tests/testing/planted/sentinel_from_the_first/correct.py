"""Each reader closes its own end; the writer goes on until both have."""

import trio


def read(ctx, source):
    return f"pages of {source}"


def write(ctx, pages):
    return pages


async def main(ctx, item):
    into, out = trio.open_memory_channel(10)

    async def produce(source, end):
        async with end:
            await end.send(await ctx.call_activity(read, input=source))

    async with trio.open_nursery() as nursery:
        async with into:
            nursery.start_soon(produce, "atlas", into.clone())
            nursery.start_soon(produce, "index", into.clone())
        written = 0
        async for pages in out:
            await ctx.call_activity(write, input=pages)
            written += 1
    return written


def check(outcome):
    if outcome.status.name == "COMPLETED":
        assert outcome.result == 2, "pages were lost"


ACTIVITIES = [read, write]
