"""Starting over forgets the events that nobody has read yet; one of two is waited for in vain."""

EVENTS = [("item", 1), ("item", 2)]


async def main(ctx, left: int):
    left = 2 if left is None or not 0 < left <= 2 else left
    await ctx.wait_for_external_event("item")
    if left > 1:
        ctx.continue_as_new(left - 1)
        return None
    return "both"


ACTIVITIES = []
