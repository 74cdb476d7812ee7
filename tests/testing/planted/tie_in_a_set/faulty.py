"""Two ways to pay cost the same: which one is the cheapest depends on how the process hashes text."""


def pay(ctx, method):
    return "paid"


FEES = {"card": 2, "transfer": 1, "voucher": 1, "wallet": 1, "cash": 3}


async def main(ctx, item):
    offered = {"card", "transfer", "voucher", "wallet"}
    accepted = {"transfer", "voucher", "wallet", "cash"}
    cheapest = min(offered & accepted, key=FEES.__getitem__)
    return await ctx.call_activity(pay, input=cheapest)


ACTIVITIES = [pay]
