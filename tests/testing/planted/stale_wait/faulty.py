"""Each round waits anew and leaves the old wait behind, which takes the approval when it comes: nobody hears of it."""

from datetime import timedelta


def remind(ctx, request):
    return request


async def boss(ctx, employee):
    await ctx.sleep(5400)
    await ctx.send_event(employee, "approved", data="fine")


async def main(ctx, item):
    asked = ctx.call_child_orchestrator(boss, input=ctx.instance_id)
    while True:
        approved = ctx.wait_for_external_event("approved")
        reminder = ctx.create_timer(timedelta(hours=1))
        if await ctx.when_any([approved, reminder]) is approved:
            break
        await ctx.call_activity(remind, input="holiday")
    await asked
    return approved.get_result()


ACTIVITIES = [remind]
ORCHESTRATORS = [boss]
