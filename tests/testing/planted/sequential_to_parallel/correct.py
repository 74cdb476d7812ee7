"""One after the other, as before; only the result is put together in another way."""


def check_credit(ctx, customer):
    return True


def check_address(ctx, customer):
    return True


async def main(ctx, item):
    answers = []
    for activity in (check_credit, check_address):
        answers.append(await ctx.call_activity(activity, input="ann"))
    return all(answers)


ACTIVITIES = [check_credit, check_address]
