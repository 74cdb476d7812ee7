"""The step is an orchestration of its own now."""


async def ship(ctx, item):
    return item


async def main(ctx, item):
    return await ctx.call_child_orchestrator(ship, input=item)


ACTIVITIES = []
ORCHESTRATORS = [ship]
