"""An activity starts the program."""

import subprocess


def git_version(ctx, folder):
    return subprocess.check_output(["true"]).decode()


def publish(ctx, version):
    return version


async def main(ctx, item):
    return await ctx.call_activity(publish, input=await ctx.call_activity(git_version, input="."))


ACTIVITIES = [git_version, publish]
