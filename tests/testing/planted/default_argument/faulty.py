"""A default is computed when the module is loaded: the worker's process id."""

import os


def tag(ctx, owner):
    return owner


def label(item, owner=os.getpid()):
    return f"{item}-{owner}"


async def main(ctx, item):
    return await ctx.call_activity(tag, input=label(item))


ACTIVITIES = [tag]
