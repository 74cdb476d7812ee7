"""The grace was set to nothing, and the code no longer asks for a timer: in running instances one is recorded."""

GRACE = 0


def capture(ctx, amount):
    return f"captured {amount}"


async def main(ctx, item):
    if GRACE:
        await ctx.sleep(GRACE)
    return await ctx.call_activity(capture, input=25)


ACTIVITIES = [capture]
