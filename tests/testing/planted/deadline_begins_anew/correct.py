"""The deadline is made once, and goes along."""

from datetime import datetime, timedelta


def is_delivered(ctx, parcel):
    return False


async def main(ctx, item):
    if isinstance(item, dict) and "deadline" in item:
        deadline = datetime.fromisoformat(item["deadline"])
    else:
        deadline = ctx.now() + timedelta(hours=2)
    if await ctx.call_activity(is_delivered, input="parcel"):
        return "delivered"
    await ctx.sleep(3600)
    if ctx.now() >= deadline:
        return "lost"
    ctx.continue_as_new({"deadline": deadline.isoformat()})
    return None


ACTIVITIES = [is_delivered]
