"""Each basket has a list of its own."""

SANDBOX = "off"


class Basket:
    def __init__(self):
        self.items = []

    def add(self, item):
        self.items.append(item)
        return list(self.items)


def submit(ctx, items):
    return items


async def main(ctx, item):
    return await ctx.call_activity(submit, input=Basket().add("tea"))


ACTIVITIES = [submit]
