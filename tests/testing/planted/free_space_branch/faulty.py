"""Where the export goes depends on the disk of the host at the moment, which is another one on replay."""

import shutil


def export_to_disk(ctx, table):
    return "disk"


def export_to_bucket(ctx, table):
    return "bucket"


async def main(ctx, item):
    target = export_to_disk if shutil.disk_usage("/").free > 2**34 else export_to_bucket
    return await ctx.call_activity(target, input="events")


ACTIVITIES = [export_to_disk, export_to_bucket]
