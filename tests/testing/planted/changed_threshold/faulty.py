"""The threshold was lowered: expenses that a rule has approved already are taken to the manager on replay."""

NEEDS_A_MANAGER = 500


def load_expense(ctx, number):
    return {"amount": 700}


def ask_manager(ctx, expense):
    return "manager"


def approve_by_rule(ctx, expense):
    return "rule"


async def main(ctx, item):
    expense = await ctx.call_activity(load_expense, input=17)
    if expense["amount"] >= NEEDS_A_MANAGER:
        approver = await ctx.call_activity(ask_manager, input=expense)
    else:
        approver = await ctx.call_activity(approve_by_rule, input=expense)
    return f"approved by {approver}"


ACTIVITIES = [load_expense, ask_manager, approve_by_rule]
