"""The helper can be given a clock; nobody gives it one, and its default is the host's."""

from datetime import UTC, datetime, timedelta
from functools import partial

SANDBOX = "off"

host_now = partial(datetime.now, UTC)


def due_date(days, clock=host_now):
    return (clock() + timedelta(days=days)).isoformat()


def write_invoice(ctx, due):
    return "written"


async def main(ctx, item):
    return await ctx.call_activity(write_invoice, input=due_date(14))


ACTIVITIES = [write_invoice]
