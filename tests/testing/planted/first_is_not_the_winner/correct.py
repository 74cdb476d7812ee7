"""The winner is read."""


def quote(ctx, shop):
    return shop


async def main(ctx, item):
    offers = [ctx.call_activity(quote, input=shop) for shop in ("one", "two")]
    winner = await ctx.when_any(offers)
    return winner.get_result()


def check(outcome):
    assert outcome.failure is None or outcome.failure.error_type != "RuntimeError", outcome.failure.error_message


ACTIVITIES = [quote]
