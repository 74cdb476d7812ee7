"""Every payment is waited for before it is decided what to refund."""


def take_payment(ctx, source):
    if source == "voucher":
        raise ValueError("the voucher has expired")
    return source


def refund(ctx, source):
    return source


async def main(ctx, item):
    sources = ["card", "points", "voucher"]
    payments = [ctx.call_activity(take_payment, input=source) for source in sources]
    outcomes = await ctx.gather(*payments, return_exceptions=True)
    paid = [outcome for outcome in outcomes if not isinstance(outcome, BaseException)]
    if len(paid) < len(sources):
        for source in sorted(paid):
            await ctx.call_activity(refund, input=source)
        return f"refunded {len(paid)}"
    return "paid"


ACTIVITIES = [take_payment, refund]
