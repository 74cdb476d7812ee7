"""The approval is read twice; it comes once, and the instance never ends."""

EVENTS = [("approve", True)]


def ship(ctx, item):
    return item


async def main(ctx, item):
    if await ctx.wait_for_external_event("approve"):
        shipped = await ctx.call_activity(ship, input=item)
        await ctx.wait_for_external_event("approve")
        return shipped
    return None


ACTIVITIES = [ship]
