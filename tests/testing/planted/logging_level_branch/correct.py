"""What is logged is asked for in every case, or not at all."""

import logging

log = logging.getLogger("orders")


def ship(ctx, order):
    return order


async def main(ctx, item):
    log.debug("shipping %s", "order 7")
    return await ctx.call_activity(ship, input="order 7")


ACTIVITIES = [ship]
