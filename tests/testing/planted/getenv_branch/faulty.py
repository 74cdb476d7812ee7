"""A feature flag in the environment decides which way the code goes."""

from os import getenv


def old_way(ctx, item):
    return "old"


def new_way(ctx, item):
    return "new"


async def main(ctx, item):
    if getenv("NEW_CHECKOUT"):
        return await ctx.call_activity(new_way, input=item)
    return await ctx.call_activity(old_way, input=item)


ACTIVITIES = [old_way, new_way]
