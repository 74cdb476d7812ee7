"""A program is started once for every replay."""

import subprocess


def publish(ctx, version):
    return version


async def main(ctx, item):
    version = subprocess.check_output(["true"])
    return await ctx.call_activity(publish, input=version.decode())


ACTIVITIES = [publish]
