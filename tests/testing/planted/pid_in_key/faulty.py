"""The lease is held in the name of the process: after a restart another one asks for it."""

import os


def take_lease(ctx, owner):
    return owner


def migrate(ctx, database):
    return "migrated"


async def main(ctx, item):
    await ctx.call_activity(take_lease, input=f"migration-{os.getpid()}")
    return await ctx.call_activity(migrate, input="customers")


ACTIVITIES = [take_lease, migrate]
