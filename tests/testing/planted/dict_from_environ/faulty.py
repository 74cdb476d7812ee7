"""Settings are a copy of the host's environment."""

import os


def deploy(ctx, settings):
    return len(settings)


async def main(ctx, item):
    settings = dict(os.environ)
    return await ctx.call_activity(deploy, input=settings)


ACTIVITIES = [deploy]
