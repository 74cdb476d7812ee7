"""A new list for every call."""

SANDBOX = "off"


def submit(ctx, names):
    return names


def collect(name, names=None):
    names = [] if names is None else names
    names.append(name)
    return names


async def main(ctx, item):
    return await ctx.call_activity(submit, input=list(collect("tea")))


ACTIVITIES = [submit]
