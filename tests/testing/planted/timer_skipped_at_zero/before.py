"""As it was deployed: an hour in which the customer may change his mind."""

GRACE = 3600


def capture(ctx, amount):
    return f"captured {amount}"


async def main(ctx, item):
    await ctx.sleep(GRACE)
    return await ctx.call_activity(capture, input=25)


ACTIVITIES = [capture]
