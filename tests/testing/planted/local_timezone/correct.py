"""The cut-off is told in the warehouse's time zone, wherever the worker is."""

from datetime import datetime, timedelta, timezone

SANDBOX = "off"

WAREHOUSE = timezone(timedelta(hours=8), "SGT")


def ship_today(ctx, parcel):
    return "today"


def ship_tomorrow(ctx, parcel):
    return "tomorrow"


async def main(ctx, item):
    local = datetime.fromtimestamp(ctx.now().timestamp(), WAREHOUSE)
    if local.hour < 14:
        return await ctx.call_activity(ship_today, input=local.isoformat())
    return await ctx.call_activity(ship_tomorrow, input=local.isoformat())


ACTIVITIES = [ship_today, ship_tomorrow]
