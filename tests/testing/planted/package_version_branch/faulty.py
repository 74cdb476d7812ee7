"""The way depends on the version of a package that happens to be installed on this host."""

from importlib.metadata import version


def render(ctx, page):
    return page


def render_old(ctx, page):
    return page


async def main(ctx, item):
    if int(version("trio").split(".")[1]) >= 20:
        return await ctx.call_activity(render, input="page")
    return await ctx.call_activity(render_old, input="page")


ACTIVITIES = [render, render_old]
