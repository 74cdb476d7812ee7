"""The sample that is audited is drawn from the host's random numbers."""

import random

SANDBOX = "off"


def audit(ctx, number):
    return number


async def main(ctx, item):
    return await ctx.call_activity(audit, input=random.randrange(1_000_000))


ACTIVITIES = [audit]
