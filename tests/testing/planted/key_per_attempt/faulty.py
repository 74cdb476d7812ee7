"""The key by which the bank knows duplicates is made within the loop: each attempt is another payment to it."""

from trio_durable import TaskFailedError


def pay(ctx, payment):
    return payment["key"]


async def main(ctx, item):
    for _ in range(3):
        key = str(ctx.new_uuid())
        try:
            return await ctx.call_activity(pay, input={"amount": 5, "key": key})
        except TaskFailedError:
            await ctx.sleep(60)
    return "not paid"


def check(outcome):
    assert len({call.input["key"] for call in outcome.calls("pay")}) <= 1, "one payment, two keys"


ACTIVITIES = [pay]
