"""After the timeout the card is charged again, though the first charge was not taken back and is still under way."""


def charge(ctx, amount):
    return amount


def tell_customer(ctx, text):
    return text


async def main(ctx, item):
    try:
        return await ctx.with_timeout(ctx.call_activity(charge, input=30), 5)
    except TimeoutError:
        await ctx.call_activity(tell_customer, input="this takes a moment")
        return await ctx.call_activity(charge, input=30)


def check(outcome):
    assert len(outcome.calls("charge")) <= 1, "charged more than once"


ACTIVITIES = [charge, tell_customer]
