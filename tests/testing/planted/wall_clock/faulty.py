"""The deadline comes from the host's clock: each replay asks for another one."""

import time

SANDBOX = "off"


def reserve(ctx, deadline):
    return True


async def main(ctx, item):
    return await ctx.call_activity(reserve, input=time.time() + 60)


ACTIVITIES = [reserve]
