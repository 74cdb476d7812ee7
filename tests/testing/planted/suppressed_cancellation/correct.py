"""Only the failure of a synchronisation is suppressed."""

from contextlib import suppress

from trio_durable import TaskFailedError


def synchronise(ctx, tenant):
    return "ok"


async def main(ctx, item):
    for _ in range(20):
        with suppress(TaskFailedError):
            await ctx.call_activity(synchronise, input="acme")
        await ctx.sleep(3600)
    return "synchronised"


ACTIVITIES = [synchronise]
