"""The activity finds out what its host can do."""


def route(ctx, city):
    return f"a way to {city}"


async def main(ctx, item):
    return await ctx.call_activity(route, input="Bern")


ACTIVITIES = [route]
