"""Concurrent activities instead of threads."""


def square(ctx, n):
    return n * n


def sum_up(ctx, numbers):
    return sum(numbers)


async def main(ctx, item):
    squares = await ctx.when_all([ctx.call_activity(square, input=n) for n in range(4)])
    return await ctx.call_activity(sum_up, input=squares)


ACTIVITIES = [square, sum_up]
