"""An activity reads the file."""

import json


def carriers(ctx, path):
    with open(path) as file:
        return file.read().split()


def ship(ctx, carrier):
    return carrier


async def main(ctx, item):
    found = await ctx.call_activity(carriers, input="/etc/hostname")
    return await ctx.call_activity(ship, input=json.dumps(found))


ACTIVITIES = [carriers, ship]
