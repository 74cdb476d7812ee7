"""The export's file is named after the instance."""

SANDBOX = "off"


def export(ctx, path):
    return path


def upload(ctx, path):
    return "uploaded"


async def main(ctx, item):
    path = f"/staging/export-{ctx.new_guid()}.csv"
    await ctx.call_activity(export, input=path)
    return await ctx.call_activity(upload, input=path)


ACTIVITIES = [export, upload]
