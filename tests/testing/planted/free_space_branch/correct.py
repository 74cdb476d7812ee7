"""The space is measured by an activity."""

import shutil


def free_space(ctx, folder):
    return shutil.disk_usage(folder).free


def export_to_disk(ctx, table):
    return "disk"


def export_to_bucket(ctx, table):
    return "bucket"


async def main(ctx, item):
    target = export_to_disk if await ctx.call_activity(free_space, input="/") > 2**34 else export_to_bucket
    return await ctx.call_activity(target, input="events")


ACTIVITIES = [free_space, export_to_disk, export_to_bucket]
