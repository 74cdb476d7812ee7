"""In the sandbox the module's functions draw from the instance's stream."""

import random


def audit(ctx, number):
    return number


async def main(ctx, item):
    return await ctx.call_activity(audit, input=random.randint(1, 6))


ACTIVITIES = [audit]
