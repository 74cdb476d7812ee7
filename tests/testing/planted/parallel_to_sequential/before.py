"""As it was deployed: both checks at once."""


def check_credit(ctx, customer):
    return True


def check_sanctions(ctx, customer):
    return True


async def main(ctx, item):
    credit, sanctions = await ctx.gather(
        ctx.call_activity(check_credit, input="acme"), ctx.call_activity(check_sanctions, input="acme")
    )
    return credit and sanctions


ACTIVITIES = [check_credit, check_sanctions]
