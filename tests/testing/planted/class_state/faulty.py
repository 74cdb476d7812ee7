"""A list on a class is shared by all instances."""

SANDBOX = "off"


class Basket:
    items = []  # noqa: RUF012

    def add(self, item):
        self.items.append(item)
        return list(self.items)


def submit(ctx, items):
    return items


async def main(ctx, item):
    return await ctx.call_activity(submit, input=Basket().add("tea"))


ACTIVITIES = [submit]
