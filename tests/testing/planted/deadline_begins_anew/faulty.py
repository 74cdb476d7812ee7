"""Each execution has its own two hours: going on as new after one, it never gives up."""

from datetime import timedelta


def is_delivered(ctx, parcel):
    return False


async def main(ctx, item):
    deadline = ctx.now() + timedelta(hours=2)
    if await ctx.call_activity(is_delivered, input="parcel"):
        return "delivered"
    await ctx.sleep(3600)
    if ctx.now() >= deadline:
        return "lost"
    ctx.continue_as_new()
    return None


ACTIVITIES = [is_delivered]
