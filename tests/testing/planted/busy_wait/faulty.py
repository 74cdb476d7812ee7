"""Time does not pass within a turn: this loop never ends."""

from datetime import timedelta


def poll(ctx, item):
    return item


async def main(ctx, item):
    until = ctx.now() + timedelta(seconds=5)
    while ctx.now() < until:
        pass
    return await ctx.call_activity(poll, input=item)


ACTIVITIES = [poll]
