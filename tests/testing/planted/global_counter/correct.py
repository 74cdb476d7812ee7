"""The iterator is made anew by each run."""

import itertools

SANDBOX = "off"


def number_page(ctx, number):
    return number


async def main(ctx, item):
    numbers = itertools.count(1)
    for _ in range(2):
        await ctx.call_activity(number_page, input=next(numbers))
    return "done"


ACTIVITIES = [number_page]
