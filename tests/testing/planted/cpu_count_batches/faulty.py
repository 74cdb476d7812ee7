"""The files are split by the cores of the host: a replay on a larger machine asks for more batches."""

import os


def convert(ctx, files):
    return len(files)


async def main(ctx, item):
    files = [f"scan-{number:02}.tif" for number in range(24)]
    width = os.cpu_count() or 1
    batches = [files[first::width] for first in range(width)]
    return sum(await ctx.when_all([ctx.call_activity(convert, input=batch) for batch in batches]))


ACTIVITIES = [convert]
