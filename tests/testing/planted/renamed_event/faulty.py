"""Another event is waited for."""

EVENTS = [("approve", True)]


async def main(ctx, item):
    return await ctx.wait_for_external_event("approval", timeout=3600)


ACTIVITIES = []
