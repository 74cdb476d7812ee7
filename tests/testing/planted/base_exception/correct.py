"""Failures are caught; what ends the instance goes on."""

from trio_durable import TaskFailedError


def charge(ctx, amount):
    return amount


async def main(ctx, item):
    try:
        await ctx.call_activity(charge, input=10)
    except TaskFailedError:
        return "not charged"
    except BaseException:
        raise
    return "charged"


ACTIVITIES = [charge]
