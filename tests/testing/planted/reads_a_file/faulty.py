"""A file may have changed, or be missing, when the orchestration is replayed."""

import json


def ship(ctx, carrier):
    return carrier


async def main(ctx, item):
    with open("/etc/hostname") as file:
        carriers = file.read().split()
    return await ctx.call_activity(ship, input=json.dumps(carriers))


ACTIVITIES = [ship]
