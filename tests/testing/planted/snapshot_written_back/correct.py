"""The copy is made after the wait, and put back before the next."""


def deliver(ctx, product):
    return {"tea": 5, "cake": 7}[product]


async def main(ctx, item):
    stock = {"tea": 0, "cake": 0}

    async def restock(product):
        nonlocal stock
        delivered = await ctx.call_activity(deliver, input=product)
        changed = dict(stock)
        changed[product] += delivered
        stock = changed

    await ctx.gather(restock("tea"), restock("cake"))
    return stock


ACTIVITIES = [deliver]
