"""A return in `finally` drops the failure, and a cancellation."""


def fetch(ctx, item):
    return item


async def main(ctx, item):
    value = None
    try:
        value = await ctx.call_activity(fetch, input=item)
    finally:
        return value  # noqa: B012


ACTIVITIES = [fetch]
