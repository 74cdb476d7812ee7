"""The pause was moved behind a patch: an execution that began the old way ends the old way."""


def import_page(ctx, page):
    return 100


async def main(ctx, item):
    state = item if isinstance(item, dict) else {"page": 0, "rows": 0}
    pause_first = ctx.is_patched("pause first")
    if pause_first and state["page"]:
        await ctx.sleep(60)
    state["rows"] += await ctx.call_activity(import_page, input=state["page"])
    state["page"] += 1
    if state["page"] == 3:
        return state["rows"]
    if not pause_first:
        await ctx.sleep(60)
    ctx.continue_as_new(state)
    return None


ACTIVITIES = [import_page]
