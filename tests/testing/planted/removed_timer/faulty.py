"""The wait was taken out."""


def remind(ctx, item):
    return item


async def main(ctx, item):
    return await ctx.call_activity(remind, input=item)


ACTIVITIES = [remind]
