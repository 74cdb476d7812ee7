"""What is cached is made from the host's clock: a replay finds what was made last, or makes another one."""

import functools
import time

SANDBOX = "off"


@functools.lru_cache(maxsize=1)
def quote_reference(currency):
    return f"{currency}-{time.time_ns()}"


def convert(ctx, reference):
    return 42


async def main(ctx, item):
    amount = await ctx.call_activity(convert, input=quote_reference("EUR"))
    await ctx.sleep(60)
    quote_reference.cache_clear()  # a new quote for the second half
    return amount + await ctx.call_activity(convert, input=quote_reference("EUR"))


ACTIVITIES = [convert]
