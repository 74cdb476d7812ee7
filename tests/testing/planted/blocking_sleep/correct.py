"""The pause is a durable timer."""


def poll(ctx, attempt):
    return attempt > 1


async def main(ctx, item):
    attempt = 0
    while not await ctx.call_activity(poll, input=attempt) and attempt < 3:
        await ctx.sleep(5)
        attempt += 1
    return attempt


ACTIVITIES = [poll]
