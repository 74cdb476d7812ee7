"""As it was deployed."""

EVENTS = [("approve", True)]


async def main(ctx, item):
    return await ctx.wait_for_external_event("approve", timeout=3600)


ACTIVITIES = []
