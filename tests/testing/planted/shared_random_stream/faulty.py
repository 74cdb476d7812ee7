"""The generator is seeded, but lives in the module: each replay, and each instance, goes on where the last stopped."""

import random

SANDBOX = "off"

_SHUFFLER = random.Random(7)


def call_supplier(ctx, name):
    return name


async def main(ctx, item):
    suppliers = ["north", "south", "east", "west", "centre"]
    _SHUFFLER.shuffle(suppliers)
    for name in suppliers[:3]:
        await ctx.call_activity(call_supplier, input=name)
    return "asked"


ACTIVITIES = [call_supplier]
