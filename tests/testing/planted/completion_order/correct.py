"""Results are taken from `gather`, in the order of the calls."""


def double(ctx, n):
    return n * 2


async def one(ctx, n):
    return await ctx.call_activity(double, input=n)


async def main(ctx, item):
    results = await ctx.gather(*(one(ctx, n) for n in (1, 2, 3)))
    return dict(zip(["1", "2", "3"], results, strict=True))


def check(outcome):
    if outcome.status.name == "COMPLETED":
        assert outcome.result == {str(call.input): call.result for call in outcome.calls("double")}


ACTIVITIES = [double]
