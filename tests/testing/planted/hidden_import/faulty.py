"""The module that makes the difference is imported under a computed name."""

import importlib


def place(ctx, host):
    return host


async def main(ctx, item):
    network = importlib.import_module("sock" + "et")
    return await ctx.call_activity(place, input=network.gethostname())


ACTIVITIES = [place]
