"""The key is made once, for all attempts."""

from trio_durable import TaskFailedError


def pay(ctx, payment):
    return payment["key"]


async def main(ctx, item):
    key = str(ctx.new_uuid())
    for _ in range(3):
        try:
            return await ctx.call_activity(pay, input={"amount": 5, "key": key})
        except TaskFailedError:
            await ctx.sleep(60)
    return "not paid"


def check(outcome):
    assert len({call.input["key"] for call in outcome.calls("pay")}) <= 1, "one payment, two keys"


ACTIVITIES = [pay]
