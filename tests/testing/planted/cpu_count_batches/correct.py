"""The width is measured in an activity, so it is recorded with the instance."""

import os


def cores(ctx, _):
    return os.cpu_count() or 1


def convert(ctx, files):
    return len(files)


async def main(ctx, item):
    files = [f"scan-{number:02}.tif" for number in range(24)]
    width = await ctx.call_activity(cores)
    batches = [files[first::width] for first in range(width)]
    return sum(await ctx.when_all([ctx.call_activity(convert, input=batch) for batch in batches]))


ACTIVITIES = [cores, convert]
