"""More attempts, longer waits: recorded ones stay as they are."""

from datetime import timedelta

from trio_durable import RetryPolicy

FAILS_FIRST = ["book"]


def book(ctx, item):
    return item


async def main(ctx, item):
    again = RetryPolicy(first_retry_interval=timedelta(seconds=30), max_number_of_attempts=5)
    return await ctx.call_activity(book, input=item, retry_policy=again)


ACTIVITIES = [book]
