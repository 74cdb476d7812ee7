"""One check after the other: running instances have asked for the second before the first had answered."""


def check_credit(ctx, customer):
    return True


def check_sanctions(ctx, customer):
    return True


async def main(ctx, item):
    credit = await ctx.call_activity(check_credit, input="acme")
    sanctions = await ctx.call_activity(check_sanctions, input="acme")
    return credit and sanctions


ACTIVITIES = [check_credit, check_sanctions]
