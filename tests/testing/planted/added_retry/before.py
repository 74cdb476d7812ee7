"""As it was deployed: one attempt, then the other carrier."""


def book_pickup(ctx, parcel):
    raise ConnectionError("the carrier does not answer")


def book_other_carrier(ctx, parcel):
    return "other carrier"


async def main(ctx, item):
    try:
        return await ctx.call_activity(book_pickup, input="parcel")
    except Exception:
        return await ctx.call_activity(book_other_carrier, input="parcel")


ACTIVITIES = [book_pickup, book_other_carrier]
