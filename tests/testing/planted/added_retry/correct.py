"""The retry policy was added for instances that begin after the change."""

from datetime import timedelta

from trio_durable import RetryPolicy

PATIENT = RetryPolicy(first_retry_interval=timedelta(minutes=1), max_number_of_attempts=3)


def book_pickup(ctx, parcel):
    raise ConnectionError("the carrier does not answer")


def book_other_carrier(ctx, parcel):
    return "other carrier"


async def main(ctx, item):
    policy = PATIENT if ctx.is_patched("patient pickups") else None
    try:
        return await ctx.call_activity(book_pickup, input="parcel", retry_policy=policy)
    except Exception:
        return await ctx.call_activity(book_other_carrier, input="parcel")


ACTIVITIES = [book_pickup, book_other_carrier]
