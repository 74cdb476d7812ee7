"""The target is relative; the activity knows to what."""

from pathlib import PurePosixPath


def export(ctx, target):
    return target


async def main(ctx, item):
    target = PurePosixPath("exports") / "today"
    return await ctx.call_activity(export, input=str(target))


ACTIVITIES = [export]
