"""The first refund that fails ends the loop: what was paid beside it stays paid."""

from trio_durable import TaskFailedError


def pay(ctx, source):
    return source


def refund(ctx, source):
    return source


def deliver(ctx, item):
    return item


async def main(ctx, item):
    paid = [await ctx.call_activity(pay, input=source) for source in ("card", "points")]
    try:
        return await ctx.call_activity(deliver, input="lamp")
    except TaskFailedError:
        for source in paid:
            await ctx.call_activity(refund, input=source)
        return "refunded"


def check(outcome):
    failed = [call for call in outcome.calls("deliver") if call.failure is not None]
    if failed and outcome.status.name in ("COMPLETED", "FAILED"):
        assert len(outcome.calls("refund")) == 2, "nobody tried to give the points back"


ACTIVITIES = [pay, refund, deliver]
