"""The approval is read once; a second one would have a time limit."""

EVENTS = [("approve", True)]


def ship(ctx, item):
    return item


async def main(ctx, item):
    if await ctx.wait_for_external_event("approve"):
        shipped = await ctx.call_activity(ship, input=item)
        try:
            await ctx.wait_for_external_event("approve", timeout=60)
        except TimeoutError:
            pass
        return shipped
    return None


ACTIVITIES = [ship]
