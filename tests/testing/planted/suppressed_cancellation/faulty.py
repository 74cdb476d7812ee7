"""Whatever happens in a round is suppressed, a cancellation, too: who cancels it waits for all rounds."""

from contextlib import suppress


def synchronise(ctx, tenant):
    return "ok"


async def main(ctx, item):
    for _ in range(20):
        with suppress(BaseException):
            await ctx.call_activity(synchronise, input="acme")
            await ctx.sleep(3600)
    return "synchronised"


ACTIVITIES = [synchronise]
