"""Only what nobody replays, a line of output, depends on replaying."""


def audit(ctx, text):
    return text


def work(ctx, item):
    return item


async def main(ctx, item):
    done = await ctx.call_activity(work, input=item)
    if not ctx.is_replaying:
        print("worked")
    await ctx.call_activity(audit, input="worked")
    await ctx.call_activity(work, input="again")
    return done


ACTIVITIES = [audit, work]
