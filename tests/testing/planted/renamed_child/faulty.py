"""The child got a better name: running instances have one of the old name in their history."""


def measure(ctx, tenant):
    return 40


async def provision_tenant(ctx, tenant):
    return await ctx.call_activity(measure, input=tenant)


async def main(ctx, item):
    size = await ctx.call_child_orchestrator(provision_tenant, input="acme")
    return f"acme: {size} GB"


ACTIVITIES = [measure]
ORCHESTRATORS = [provision_tenant]
