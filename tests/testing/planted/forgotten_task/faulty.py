"""The call is kept in a variable that nothing reads."""


def charge(ctx, amount):
    return amount


def ship(ctx, item):
    return item


async def main(ctx, item):
    payment = ctx.call_activity(charge, input=10)  # noqa: F841
    shipped = ctx.call_activity(ship, input=item)
    return await shipped


ACTIVITIES = [charge, ship]
