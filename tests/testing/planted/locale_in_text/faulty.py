"""The amount is written as the host's locale has it: a worker with another one sends another text."""

import locale


def send_invoice(ctx, text):
    return text


async def main(ctx, item):
    locale.setlocale(locale.LC_ALL, "")
    amount = locale.format_string("%.2f", 1234567.5, grouping=True)
    return await ctx.call_activity(send_invoice, input=f"To pay: {amount} EUR")


ACTIVITIES = [send_invoice]
