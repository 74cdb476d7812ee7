"""`total += await ...` reads the total before it waits: of two that wait at once, one is forgotten."""


def count(ctx, shelf):
    return 10


async def main(ctx, item):
    total = 0

    async def add(shelf):
        nonlocal total
        total += await ctx.call_activity(count, input=shelf)

    await ctx.gather(add("left"), add("right"))
    return total


def check(outcome):
    if outcome.status.name == "COMPLETED":
        assert outcome.result == 20, "a shelf was forgotten"


ACTIVITIES = [count]
