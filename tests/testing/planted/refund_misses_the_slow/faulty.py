"""When one payment fails, those that had come in by then are refunded: one that comes in later stays paid."""


def take_payment(ctx, source):
    if source == "voucher":
        raise ValueError("the voucher has expired")
    return source


def refund(ctx, source):
    return source


async def main(ctx, item):
    paid = []

    async def pay(source):
        paid.append(await ctx.call_activity(take_payment, input=source))

    try:
        await ctx.gather(pay("card"), pay("points"), pay("voucher"))
    except Exception:
        for source in sorted(paid):
            await ctx.call_activity(refund, input=source)
        return f"refunded {len(paid)}"
    return "paid"


ACTIVITIES = [take_payment, refund]
