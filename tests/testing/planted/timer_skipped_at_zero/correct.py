"""The grace was set to nothing, but there still is a timer, so running instances find theirs."""

GRACE = 0


def capture(ctx, amount):
    return f"captured {amount}"


async def main(ctx, item):
    await ctx.sleep(GRACE)
    return await ctx.call_activity(capture, input=25)


ACTIVITIES = [capture]
