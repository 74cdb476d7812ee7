"""Each run of the function has a generator of its own, seeded by the instance."""

import random

SANDBOX = "off"


def call_supplier(ctx, name):
    return name


async def main(ctx, item):
    shuffler = random.Random(ctx.instance_id)
    suppliers = ["north", "south", "east", "west", "centre"]
    shuffler.shuffle(suppliers)
    for name in suppliers[:3]:
        await ctx.call_activity(call_supplier, input=name)
    return "asked"


ACTIVITIES = [call_supplier]
