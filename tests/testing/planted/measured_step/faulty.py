"""How long a step took is measured in the process: on replay it took no time, and another figure is reported."""

import time

SANDBOX = "off"


def load_warehouse(ctx, day):
    return 1000


def report_duration(ctx, seconds):
    return None


async def main(ctx, item):
    began = time.perf_counter()
    rows = await ctx.call_activity(load_warehouse, input="monday")
    await ctx.call_activity(report_duration, input=time.perf_counter() - began)
    await ctx.sleep(60)
    return rows


ACTIVITIES = [load_warehouse, report_duration]
