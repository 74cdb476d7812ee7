"""An activity reads the flag, once for the whole life of the instance."""

from os import getenv


def flag(ctx, name):
    return bool(getenv(name))


def old_way(ctx, item):
    return "old"


def new_way(ctx, item):
    return "new"


async def main(ctx, item):
    if await ctx.call_activity(flag, input="NEW_CHECKOUT"):
        return await ctx.call_activity(new_way, input=item)
    return await ctx.call_activity(old_way, input=item)


ACTIVITIES = [flag, old_way, new_way]
