"""The new threshold counts for instances that begin after the change; the others keep theirs."""

NEEDS_A_MANAGER = 500
NEEDED_A_MANAGER = 1000


def load_expense(ctx, number):
    return {"amount": 700}


def ask_manager(ctx, expense):
    return "manager"


def approve_by_rule(ctx, expense):
    return "rule"


async def main(ctx, item):
    limit = NEEDS_A_MANAGER if ctx.is_patched("lower threshold") else NEEDED_A_MANAGER
    expense = await ctx.call_activity(load_expense, input=17)
    if expense["amount"] >= limit:
        approver = await ctx.call_activity(ask_manager, input=expense)
    else:
        approver = await ctx.call_activity(approve_by_rule, input=expense)
    return f"approved by {approver}"


ACTIVITIES = [load_expense, ask_manager, approve_by_rule]
