"""Each task copies the stock, waits, and puts its copy back: what another one has booked in the meantime is lost."""


def deliver(ctx, product):
    return {"tea": 5, "cake": 7}[product]


async def main(ctx, item):
    stock = {"tea": 0, "cake": 0}

    async def restock(product):
        nonlocal stock
        changed = dict(stock)
        changed[product] += await ctx.call_activity(deliver, input=product)
        stock = changed

    await ctx.gather(restock("tea"), restock("cake"))
    return stock


ACTIVITIES = [deliver]
