"""After the timeout the same charge is waited for again."""


def charge(ctx, amount):
    return amount


def tell_customer(ctx, text):
    return text


async def main(ctx, item):
    charged = ctx.call_activity(charge, input=30)
    try:
        return await ctx.with_timeout(charged, 5)
    except TimeoutError:
        await ctx.call_activity(tell_customer, input="this takes a moment")
        return await charged


def check(outcome):
    assert len(outcome.calls("charge")) <= 1, "charged more than once"


ACTIVITIES = [charge, tell_customer]
