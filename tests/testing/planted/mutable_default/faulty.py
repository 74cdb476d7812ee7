"""A list as a default argument is the same list for every call."""

SANDBOX = "off"


def submit(ctx, names):
    return names


def collect(name, names=[]):  # noqa: B006
    names.append(name)
    return names


async def main(ctx, item):
    return await ctx.call_activity(submit, input=list(collect("tea")))


ACTIVITIES = [submit]
