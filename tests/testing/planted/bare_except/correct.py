"""Only failures are tried again."""

from trio_durable import TaskFailedError


def charge(ctx, amount):
    return amount


async def main(ctx, item):
    for _ in range(5):
        try:
            return await ctx.call_activity(charge, input=10)
        except TaskFailedError:
            continue
    return None


ACTIVITIES = [charge]
