"""Which activity is called depends on whether a package is installed, and not all workers have it."""

try:
    import fast_geometry
except ImportError:
    fast_geometry = None


def route(ctx, city):
    return f"a way to {city}"


def beeline(ctx, city):
    return f"straight to {city}"


async def main(ctx, item):
    if fast_geometry is not None:
        return await ctx.call_activity(route, input="Bern")
    return await ctx.call_activity(beeline, input="Bern")


ACTIVITIES = [route, beeline]
