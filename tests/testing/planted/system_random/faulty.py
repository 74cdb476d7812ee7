"""Randomness of the operating system cannot be repeated."""

import random


def audit(ctx, number):
    return number


async def main(ctx, item):
    return await ctx.call_activity(audit, input=random.SystemRandom().randint(1, 6))


ACTIVITIES = [audit]
