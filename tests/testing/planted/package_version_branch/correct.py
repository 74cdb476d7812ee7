"""The activity says which way it can go, and history keeps that."""


def supports_new_pages(ctx, package):
    return True


def render(ctx, page):
    return page


def render_old(ctx, page):
    return page


async def main(ctx, item):
    if await ctx.call_activity(supports_new_pages, input="trio"):
        return await ctx.call_activity(render, input="page")
    return await ctx.call_activity(render_old, input="page")


ACTIVITIES = [supports_new_pages, render, render_old]
