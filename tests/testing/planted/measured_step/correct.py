"""How long the step took is told by the orchestration's clock, which stands in history."""

SANDBOX = "off"


def load_warehouse(ctx, day):
    return 1000


def report_duration(ctx, seconds):
    return None


async def main(ctx, item):
    began = ctx.now()
    rows = await ctx.call_activity(load_warehouse, input="monday")
    await ctx.call_activity(report_duration, input=(ctx.now() - began).total_seconds())
    await ctx.sleep(60)
    return rows


ACTIVITIES = [load_warehouse, report_duration]
