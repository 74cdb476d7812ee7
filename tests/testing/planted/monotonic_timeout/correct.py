"""The patience is measured with the orchestration's clock."""

SANDBOX = "off"


def remaining_patience(ctx, seconds):
    return None


def build_is_done(ctx, build):
    return False


async def main(ctx, item):
    began = ctx.now()
    for _ in range(3):
        left = 600 - (ctx.now() - began).total_seconds()
        if left <= 0 or await ctx.call_activity(build_is_done, input="nightly"):
            break
        await ctx.call_activity(remaining_patience, input=left)
        await ctx.sleep(min(left, 120))
    return "looked"


ACTIVITIES = [remaining_patience, build_is_done]
