"""What a folder holds, and in which order, differs from host to host."""

from pathlib import Path


def convert(ctx, name):
    return name


async def main(ctx, item):
    results = []
    for path in Path("/usr").iterdir():
        results.append(await ctx.call_activity(convert, input=path.name))
    return len(results)


ACTIVITIES = [convert]
