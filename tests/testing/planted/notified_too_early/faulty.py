"""The signal is given before anybody waits for it, if the import is the quicker one: then the report waits for ever."""

import trio


def import_rows(ctx, day):
    return 100


def open_report(ctx, day):
    return "report"


async def main(ctx, item):
    imported = trio.Condition()
    lines = []

    async def run_import():
        rows = await ctx.call_activity(import_rows, input="monday")
        async with imported:
            lines.append(rows)
            imported.notify_all()

    async def write_report():
        await ctx.call_activity(open_report, input="monday")
        async with imported:
            await imported.wait()
        lines.append("end")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(run_import)
        nursery.start_soon(write_report)
    return lines


ACTIVITIES = [import_rows, open_report]
