"""What is cached depends on its arguments alone; the time is one of them."""

import functools

SANDBOX = "off"


@functools.lru_cache(maxsize=128)
def quote_reference(currency, moment):
    return f"{currency}-{moment.isoformat()}"


def convert(ctx, reference):
    return 42


async def main(ctx, item):
    amount = await ctx.call_activity(convert, input=quote_reference("EUR", ctx.now()))
    await ctx.sleep(60)
    return amount + await ctx.call_activity(convert, input=quote_reference("EUR", ctx.now()))


ACTIVITIES = [convert]
