"""The object has a text of its own, made from its values."""

SANDBOX = "off"


class Line:
    def __init__(self, product, price):
        self.product, self.price = product, price

    def __str__(self):
        return f"{self.product}@{self.price}"


def charge(ctx, request):
    return request["amount"]


async def main(ctx, item):
    total = 0
    for line in [Line("tea", 4), Line("cake", 6)]:
        total += await ctx.call_activity(charge, input={"key": f"charge/{line}", "amount": line.price})
    return total


ACTIVITIES = [charge]
