"""The lines are taken as they come in, and numbered by their place in the order."""

import asyncio


def price(ctx, product):
    return {"tea": 4, "cake": 6, "jam": 5}[product]


async def priced(ctx, number, product):
    return {"number": number, "product": product, "price": await ctx.call_activity(price, input=product)}


async def main(ctx, item):
    lines = []
    products = enumerate(("tea", "cake", "jam"), start=1)
    for coming in asyncio.as_completed([priced(ctx, number, product) for number, product in products]):
        line = await coming
        lines.append(line)
    return sorted(lines, key=lambda line: line["number"])


ACTIVITIES = [price]
