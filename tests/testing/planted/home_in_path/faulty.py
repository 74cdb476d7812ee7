"""The target lies in the home of whoever runs the worker: on another host it is another folder."""

from pathlib import Path


def export(ctx, target):
    return target


async def main(ctx, item):
    target = Path.home() / "exports"
    return await ctx.call_activity(export, input=str(target))


ACTIVITIES = [export]
