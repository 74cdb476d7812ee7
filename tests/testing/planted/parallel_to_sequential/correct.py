"""The answers are awaited one after the other; the checks are still asked for at once, in the same order."""


def check_credit(ctx, customer):
    return True


def check_sanctions(ctx, customer):
    return True


async def main(ctx, item):
    asked_credit = ctx.call_activity(check_credit, input="acme")
    asked_sanctions = ctx.call_activity(check_sanctions, input="acme")
    credit = await asked_credit
    sanctions = await asked_sanctions
    return credit and sanctions


ACTIVITIES = [check_credit, check_sanctions]
