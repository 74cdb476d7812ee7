"""Names of events are compared without regard to case; the time limit is not compared."""

EVENTS = [("approve", True)]


async def main(ctx, item):
    return await ctx.wait_for_external_event("Approve", timeout=60)


ACTIVITIES = []
