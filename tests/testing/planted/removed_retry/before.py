"""As it was deployed."""

from datetime import timedelta

from trio_durable import RetryPolicy

FAILS_FIRST = ["book"]


def book(ctx, item):
    return item


async def main(ctx, item):
    again = RetryPolicy(first_retry_interval=timedelta(seconds=1), max_number_of_attempts=3)
    return await ctx.call_activity(book, input=item, retry_policy=again)


ACTIVITIES = [book]
