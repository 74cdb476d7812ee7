"""The idempotency key is the orchestration's."""

SANDBOX = "off"


def charge(ctx, key):
    return key


async def main(ctx, item):
    key = str(ctx.new_guid())
    await ctx.call_activity(charge, input=key)
    return "charged"


ACTIVITIES = [charge]
