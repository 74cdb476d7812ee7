"""The return stands after the block."""


def fetch(ctx, item):
    return item


async def main(ctx, item):
    value = None
    try:
        value = await ctx.call_activity(fetch, input=item)
    finally:
        ctx.set_custom_status("fetched")
    return value


ACTIVITIES = [fetch]
