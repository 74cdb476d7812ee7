"""The same number of calls, with other inputs."""


def resize(ctx, n):
    return n


async def main(ctx, item):
    return await ctx.when_all([ctx.call_activity(resize, input=n * 10) for n in range(3)])


ACTIVITIES = [resize]
