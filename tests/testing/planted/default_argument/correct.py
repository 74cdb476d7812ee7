"""The owner is the instance."""


def tag(ctx, owner):
    return owner


def label(item, owner="nobody"):
    return f"{item}-{owner}"


async def main(ctx, item):
    return await ctx.call_activity(tag, input=label(item, ctx.instance_id))


ACTIVITIES = [tag]
