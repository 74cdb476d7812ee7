"""Both checks at once: where a running instance has asked for one, the code asks for two."""


def check_credit(ctx, customer):
    return True


def check_address(ctx, customer):
    return True


async def main(ctx, item):
    return all(
        await ctx.gather(
            ctx.call_activity(check_address, input="ann"),
            ctx.call_activity(check_credit, input="ann"),
        )
    )


ACTIVITIES = [check_credit, check_address]
