"""All of the subscription is shielded, its pauses, too: who cancels it is billed for the rest of the year."""

import trio


def bill(ctx, month):
    return 10


def record(ctx, amount):
    return amount


async def main(ctx, item):
    total = 0
    with trio.CancelScope(shield=True):
        for month in range(12):
            amount = await ctx.call_activity(bill, input=month)
            total += await ctx.call_activity(record, input=amount)
            await ctx.sleep(30 * 86400)
    return total


ACTIVITIES = [bill, record]
