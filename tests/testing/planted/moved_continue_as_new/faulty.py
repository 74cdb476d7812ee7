"""The pause was moved to the beginning of the next page: running instances have imported before they paused."""


def import_page(ctx, page):
    return 100


async def main(ctx, item):
    state = item if isinstance(item, dict) else {"page": 0, "rows": 0}
    if state["page"]:
        await ctx.sleep(60)
    state["rows"] += await ctx.call_activity(import_page, input=state["page"])
    state["page"] += 1
    if state["page"] == 3:
        return state["rows"]
    ctx.continue_as_new(state)
    return None


ACTIVITIES = [import_page]
