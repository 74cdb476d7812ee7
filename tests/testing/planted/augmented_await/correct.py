"""The total is read when the count is there."""


def count(ctx, shelf):
    return 10


async def main(ctx, item):
    total = 0

    async def add(shelf):
        nonlocal total
        counted = await ctx.call_activity(count, input=shelf)
        total += counted

    await ctx.gather(add("left"), add("right"))
    return total


def check(outcome):
    if outcome.status.name == "COMPLETED":
        assert outcome.result == 20, "a shelf was forgotten"


ACTIVITIES = [count]
