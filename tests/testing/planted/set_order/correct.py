"""The set is sorted before anything depends on its order."""

SANDBOX = "off"


def notify(ctx, region):
    return region


async def main(ctx, item):
    regions = {"north", "east", "south", "west"}
    for region in sorted(regions):
        await ctx.call_activity(notify, input=region)
    return len(regions)


ACTIVITIES = [notify]
