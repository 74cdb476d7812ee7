"""The amounts are summed as they come in: floats do not add up to the same in every order."""


def revenue(ctx, region):
    return {"north": 0.1, "south": 0.2, "east": 0.3, "west": 1e15}[region]


async def main(ctx, item):
    total = 0.0

    async def add(region):
        nonlocal total
        amount = await ctx.call_activity(revenue, input=region)
        total += amount

    await ctx.gather(*[add(region) for region in ("north", "south", "east", "west")])
    return total


ACTIVITIES = [revenue]
