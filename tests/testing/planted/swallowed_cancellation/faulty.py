"""A cancelled wait pretends that nothing happened."""

import trio


def fetch(ctx, item):
    return item


async def main(ctx, item):
    value = None
    try:
        value = await ctx.call_activity(fetch, input=item)
    except trio.Cancelled:
        value = "default"
    return value


ACTIVITIES = [fetch]
