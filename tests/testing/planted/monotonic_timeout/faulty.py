"""The patience is measured with the process's clock: each replay begins it anew, and counts other rounds."""

import time

SANDBOX = "off"


def remaining_patience(ctx, seconds):
    return None


def build_is_done(ctx, build):
    return False


async def main(ctx, item):
    began = time.monotonic()
    for _ in range(3):
        left = 600 - (time.monotonic() - began)
        if left <= 0 or await ctx.call_activity(build_is_done, input="nightly"):
            break
        await ctx.call_activity(remaining_patience, input=left)
        await ctx.sleep(min(left, 120))
    return "looked"


ACTIVITIES = [remaining_patience, build_is_done]
