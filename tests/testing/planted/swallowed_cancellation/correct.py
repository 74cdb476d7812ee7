"""Clean-up runs, and the cancellation goes on."""


def fetch(ctx, item):
    return item


async def main(ctx, item):
    opened = []
    try:
        opened.append(item)
        value = await ctx.call_activity(fetch, input=item)
    finally:
        opened.clear()
    return value


ACTIVITIES = [fetch]
