"""The deadline comes from the orchestration's clock."""

SANDBOX = "off"


def reserve(ctx, deadline):
    return True


async def main(ctx, item):
    return await ctx.call_activity(reserve, input=ctx.now().timestamp() + 60)


ACTIVITIES = [reserve]
