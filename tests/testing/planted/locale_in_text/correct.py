"""The amount is written in a form that no locale changes."""


def send_invoice(ctx, text):
    return text


async def main(ctx, item):
    amount = f"{1234567.5:,.2f}"
    return await ctx.call_activity(send_invoice, input=f"To pay: {amount} EUR")


ACTIVITIES = [send_invoice]
