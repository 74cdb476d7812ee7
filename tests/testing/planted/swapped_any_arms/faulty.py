"""The replica is now asked first: the actions have taken each other's numbers."""


def ask_primary(ctx, query):
    return "primary"


def ask_replica(ctx, query):
    return "replica"


async def main(ctx, item):
    replica = ctx.call_activity(ask_replica, input="balance")
    primary = ctx.call_activity(ask_primary, input="balance")
    await ctx.when_any([replica, primary])
    return "answered"


ACTIVITIES = [ask_primary, ask_replica]
