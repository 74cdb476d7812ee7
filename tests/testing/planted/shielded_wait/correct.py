"""Only what must not be torn apart is shielded: the bill and its record; the pause can be cancelled."""

import trio


def bill(ctx, month):
    return 10


def record(ctx, amount):
    return amount


async def main(ctx, item):
    total = 0
    for month in range(12):
        with trio.CancelScope(shield=True):
            amount = await ctx.call_activity(bill, input=month)
            total += await ctx.call_activity(record, input=amount)
        await ctx.sleep(30 * 86400)
    return total


ACTIVITIES = [bill, record]
