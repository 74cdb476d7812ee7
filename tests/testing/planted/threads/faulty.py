"""Threads finish in any order, and outside of the replay."""

from concurrent.futures import ThreadPoolExecutor


def sum_up(ctx, numbers):
    return sum(numbers)


async def main(ctx, item):
    with ThreadPoolExecutor(2) as pool:
        squares = list(pool.map(lambda n: n * n, range(4)))
    return await ctx.call_activity(sum_up, input=squares)


ACTIVITIES = [sum_up]
