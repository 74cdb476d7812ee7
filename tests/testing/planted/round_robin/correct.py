"""Each run of the function has an iterator of its own; where it begins is drawn from the instance's own stream."""

import itertools

SANDBOX = "off"

REGIONS = ["eu", "us", "asia"]


def create_bucket(ctx, region):
    return region


async def main(ctx, item):
    regions = itertools.islice(itertools.cycle(REGIONS), ctx.random_int(0, 2), None)
    first = await ctx.call_activity(create_bucket, input=next(regions))
    second = await ctx.call_activity(create_bucket, input=next(regions))
    return first != second


ACTIVITIES = [create_bucket]
