"""An activity is called only when the code is not being replayed."""


def audit(ctx, text):
    return text


def work(ctx, item):
    return item


async def main(ctx, item):
    done = await ctx.call_activity(work, input=item)
    if not ctx.is_replaying:
        await ctx.call_activity(audit, input="worked")
    await ctx.call_activity(work, input="again")
    return done


ACTIVITIES = [audit, work]
