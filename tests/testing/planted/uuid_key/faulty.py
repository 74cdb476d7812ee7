"""The idempotency key is another one on every replay."""

from uuid import uuid4

SANDBOX = "off"


def charge(ctx, key):
    return key


async def main(ctx, item):
    key = str(uuid4())
    await ctx.call_activity(charge, input=key)
    return "charged"


ACTIVITIES = [charge]
