"""Two checks write the verdict, but a rejection stands, whichever comes last."""


def check_fraud(ctx, claim):
    return "rejected"


def check_coverage(ctx, claim):
    return "accepted"


async def main(ctx, item):
    claim = {"number": 4711, "verdict": "open"}

    async def run(check):
        verdict = await ctx.call_activity(check, input=claim["number"])
        if claim["verdict"] != "rejected":
            claim["verdict"] = verdict

    await ctx.gather(run(check_fraud), run(check_coverage))
    return claim["verdict"]


ACTIVITIES = [check_fraud, check_coverage]
