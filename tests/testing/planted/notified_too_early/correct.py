"""The signal is an event, which stays set for those who come later."""

import trio


def import_rows(ctx, day):
    return 100


def open_report(ctx, day):
    return "report"


async def main(ctx, item):
    imported = trio.Event()
    lines = []

    async def run_import():
        rows = await ctx.call_activity(import_rows, input="monday")
        lines.append(rows)
        imported.set()

    async def write_report():
        await ctx.call_activity(open_report, input="monday")
        await imported.wait()
        lines.append("end")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_import)
        nursery.start_soon(write_report)
    return lines


ACTIVITIES = [import_rows, open_report]
