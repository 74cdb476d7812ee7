"""Settings are read in an activity."""

import os


def read_settings(ctx, prefix):
    return {key: value for key, value in os.environ.items() if key.startswith(prefix)}


def deploy(ctx, settings):
    return len(settings)


async def main(ctx, item):
    settings = await ctx.call_activity(read_settings, input="SHOP_")
    return await ctx.call_activity(deploy, input=settings)


ACTIVITIES = [read_settings, deploy]
