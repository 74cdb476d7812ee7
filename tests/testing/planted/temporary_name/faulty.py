"""The export's file is named by the standard library, by chance: another name on each replay."""

import tempfile

SANDBOX = "off"


def export(ctx, path):
    return path


def upload(ctx, path):
    return "uploaded"


async def main(ctx, item):
    path = tempfile.mktemp(prefix="export-", suffix=".csv", dir="/staging")
    await ctx.call_activity(export, input=path)
    return await ctx.call_activity(upload, input=path)


ACTIVITIES = [export, upload]
