"""Which activity is called depends on the orchestration's calendar."""

SANDBOX = "off"


def weekday_price(ctx, item):
    return 1


def weekend_price(ctx, item):
    return 2


async def main(ctx, item):
    if ctx.current_utc_datetime.weekday() >= 5:
        return await ctx.call_activity(weekend_price, input=item)
    return await ctx.call_activity(weekday_price, input=item)


ACTIVITIES = [weekday_price, weekend_price]
