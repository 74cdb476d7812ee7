"""As it was deployed."""


def check_credit(ctx, customer):
    return True


def check_address(ctx, customer):
    return True


async def main(ctx, item):
    credit = await ctx.call_activity(check_credit, input="ann")
    address = await ctx.call_activity(check_address, input="ann")
    return credit and address


ACTIVITIES = [check_credit, check_address]
