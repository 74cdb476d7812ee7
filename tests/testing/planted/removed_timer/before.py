"""As it was deployed."""


def remind(ctx, item):
    return item


async def main(ctx, item):
    await ctx.sleep(3600)
    return await ctx.call_activity(remind, input=item)


ACTIVITIES = [remind]
