"""Only what no history knows was renamed: the helper and the variables; the child is called what it was called."""


def measure(ctx, tenant):
    return 40


async def measured_size(ctx, tenant_name):
    return await ctx.call_activity(measure, input=tenant_name)


async def provision(ctx, tenant_name):
    return await measured_size(ctx, tenant_name)


async def main(ctx, item):
    gigabytes = await ctx.call_child_orchestrator(provision, input="acme")
    return f"acme: {gigabytes} GB"


ACTIVITIES = [measure]
ORCHESTRATORS = [provision]
