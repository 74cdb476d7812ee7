"""The wait was shortened; running instances keep the time that was recorded."""


def remind(ctx, item):
    return item


async def main(ctx, item):
    await ctx.sleep(60)
    return await ctx.call_activity(remind, input=item)


ACTIVITIES = [remind]
