"""The state changes before the first await."""


def charge(ctx, amount):
    return amount


async def pay_once(ctx, state):
    if not state["paid"]:
        state["paid"] = True
        await ctx.call_activity(charge, input=10)


async def main(ctx, item):
    state = {"paid": False}
    await ctx.gather(pay_once(ctx, state), pay_once(ctx, state))
    return state["paid"]


def check(outcome):
    assert len(outcome.calls("charge")) <= 1, "charged more than once"


ACTIVITIES = [charge]
