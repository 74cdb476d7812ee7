"""The loop awaits a timer."""

from datetime import timedelta


def poll(ctx, item):
    return item


async def main(ctx, item):
    until = ctx.now() + timedelta(seconds=5)
    while ctx.now() < until:
        await ctx.sleep(1)
    return await ctx.call_activity(poll, input=item)


ACTIVITIES = [poll]
