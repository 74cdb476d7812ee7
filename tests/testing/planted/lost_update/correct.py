"""Nothing is awaited between reading and writing."""


def price(ctx, item):
    return {"tea": 3, "cake": 4}[item]


async def add(ctx, state, item):
    found = await ctx.call_activity(price, input=item)
    state["total"] += found


async def main(ctx, item):
    state = {"total": 0}
    await ctx.gather(add(ctx, state, "tea"), add(ctx, state, "cake"))
    return state["total"]


def check(outcome):
    if outcome.status.name == "COMPLETED":
        assert outcome.result == sum(call.result for call in outcome.calls("price")), "a price got lost"


ACTIVITIES = [price]
