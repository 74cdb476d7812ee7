"""An activity lists; the orchestration only computes with paths."""

from pathlib import Path


def listing(ctx, folder):
    return sorted(path.name for path in Path(folder).iterdir())


def convert(ctx, name):
    return name


async def main(ctx, item):
    results = []
    for name in (await ctx.call_activity(listing, input="/usr"))[:3]:
        target = Path("/out") / Path(name).with_suffix(".png").name
        results.append(await ctx.call_activity(convert, input=str(target)))
    return len(results)


ACTIVITIES = [listing, convert]
