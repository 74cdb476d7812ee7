"""The function is looked up by a name that no search for it would find."""

import os


def store(ctx, data):
    return data


async def main(ctx, item):
    read = getattr(os, "".join(["u", "random"]))
    return await ctx.call_activity(store, input=read(4).hex())


ACTIVITIES = [store]
