"""Whose turn it is is kept by an iterator of the module: each replay takes the next ones."""

import itertools

SANDBOX = "off"

_regions = itertools.cycle(["eu", "us", "asia"])


def create_bucket(ctx, region):
    return region


async def main(ctx, item):
    first = await ctx.call_activity(create_bucket, input=next(_regions))
    second = await ctx.call_activity(create_bucket, input=next(_regions))
    return first != second


ACTIVITIES = [create_bucket]
