"""The release stands in a shielded scope with a deadline of its own."""

import trio


def hold(ctx, product):
    return product


def release(ctx, product):
    return product


def tell_customer(ctx, text):
    return text


async def main(ctx, item):
    await ctx.call_activity(hold, input="bike")
    with trio.move_on_after(3600) as window:
        try:
            await ctx.sleep(86400)  # the courier's slot
        finally:
            with trio.move_on_after(600, shield=True):
                await ctx.call_activity(release, input="bike")
    if window.cancelled_caught:
        return await ctx.call_activity(tell_customer, input="your hold has expired")
    return "collected"


def check(outcome):
    if outcome.calls("tell_customer"):
        assert outcome.calls("release"), "the customer was told, but the stock is still held"


ACTIVITIES = [hold, release, tell_customer]
