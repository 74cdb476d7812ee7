"""As it was deployed: import a page, pause, go on as new."""


def import_page(ctx, page):
    return 100


async def main(ctx, item):
    state = item if isinstance(item, dict) else {"page": 0, "rows": 0}
    state["rows"] += await ctx.call_activity(import_page, input=state["page"])
    state["page"] += 1
    if state["page"] == 3:
        return state["rows"]
    await ctx.sleep(60)
    ctx.continue_as_new(state)
    return None


ACTIVITIES = [import_page]
