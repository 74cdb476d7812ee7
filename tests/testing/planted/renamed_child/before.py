"""As it was deployed."""


def measure(ctx, tenant):
    return 40


async def provision(ctx, tenant):
    return await ctx.call_activity(measure, input=tenant)


async def main(ctx, item):
    size = await ctx.call_child_orchestrator(provision, input="acme")
    return f"acme: {size} GB"


ACTIVITIES = [measure]
ORCHESTRATORS = [provision]
