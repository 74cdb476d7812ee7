"""Strings in a set come in an order that depends on the process's hash seed."""

SANDBOX = "off"


def notify(ctx, region):
    return region


async def main(ctx, item):
    regions = {"north", "east", "south", "west"}
    for region in regions:
        await ctx.call_activity(notify, input=region)
    return len(regions)


ACTIVITIES = [notify]
