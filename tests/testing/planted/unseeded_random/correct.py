"""The sample is drawn from the orchestration's own stream."""

SANDBOX = "off"


def audit(ctx, number):
    return number


async def main(ctx, item):
    return await ctx.call_activity(audit, input=ctx.random().randrange(1_000_000))


ACTIVITIES = [audit]
