"""The name breaks the tie, so the order of the set does not matter."""


def pay(ctx, method):
    return "paid"


FEES = {"card": 2, "transfer": 1, "voucher": 1, "wallet": 1, "cash": 3}


async def main(ctx, item):
    offered = {"card", "transfer", "voucher", "wallet"}
    accepted = {"transfer", "voucher", "wallet", "cash"}
    cheapest = min(offered & accepted, key=lambda method: (FEES[method], method))
    return await ctx.call_activity(pay, input=cheapest)


ACTIVITIES = [pay]
