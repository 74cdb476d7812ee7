"""Two checks write the verdict: the one that answers last has its way, and a rejection can be overwritten."""


def check_fraud(ctx, claim):
    return "rejected"


def check_coverage(ctx, claim):
    return "accepted"


async def main(ctx, item):
    claim = {"number": 4711, "verdict": "open"}

    async def run(check):
        claim["verdict"] = await ctx.call_activity(check, input=claim["number"])

    await ctx.gather(run(check_fraud), run(check_coverage))
    return claim["verdict"]


ACTIVITIES = [check_fraud, check_coverage]
