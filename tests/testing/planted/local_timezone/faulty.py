"""The cut-off is told in the host's time zone: a worker elsewhere ships on another day, or another way."""

from datetime import datetime

SANDBOX = "off"


def ship_today(ctx, parcel):
    return "today"


def ship_tomorrow(ctx, parcel):
    return "tomorrow"


async def main(ctx, item):
    local = datetime.fromtimestamp(ctx.now().timestamp())
    if local.hour < 14:
        return await ctx.call_activity(ship_today, input=local.isoformat())
    return await ctx.call_activity(ship_tomorrow, input=local.isoformat())


ACTIVITIES = [ship_today, ship_tomorrow]
