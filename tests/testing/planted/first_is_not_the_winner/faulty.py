"""After when_any the first operand is read, whoever won."""


def quote(ctx, shop):
    return shop


async def main(ctx, item):
    offers = [ctx.call_activity(quote, input=shop) for shop in ("one", "two")]
    await ctx.when_any(offers)
    return offers[0].get_result()


def check(outcome):
    assert outcome.failure is None or outcome.failure.error_type != "RuntimeError", outcome.failure.error_message


ACTIVITIES = [quote]
