"""Numbers from an iterator at module level are used up by replays."""

import itertools

SANDBOX = "off"
numbers = itertools.count(1)


def number_page(ctx, number):
    return number


async def main(ctx, item):
    for _ in range(2):
        await ctx.call_activity(number_page, input=next(numbers))
    return "done"


ACTIVITIES = [number_page]
