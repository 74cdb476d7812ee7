"""Details are fetched only where somebody would log them: that is the host's configuration, and changes."""

import logging

log = logging.getLogger("orders")


def details(ctx, order):
    return f"details of {order}"


def ship(ctx, order):
    return order


async def main(ctx, item):
    if log.isEnabledFor(logging.DEBUG):
        log.debug("shipping %s", await ctx.call_activity(details, input="order 7"))
    return await ctx.call_activity(ship, input="order 7")


ACTIVITIES = [details, ship]
