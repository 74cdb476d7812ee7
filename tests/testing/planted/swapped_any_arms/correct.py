"""The replica stands first in the list, but both are asked in the order in which they always were."""


def ask_primary(ctx, query):
    return "primary"


def ask_replica(ctx, query):
    return "replica"


async def main(ctx, item):
    primary = ctx.call_activity(ask_primary, input="balance")
    replica = ctx.call_activity(ask_replica, input="balance")
    await ctx.when_any([replica, primary])
    return "answered"


ACTIVITIES = [ask_primary, ask_replica]
