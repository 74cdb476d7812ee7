"""The offers are sorted by price alone: of two that cost the same, the one that came in first wins."""


def quote(ctx, supplier):
    return {"supplier": supplier, "price": {"acme": 40, "bolt": 30, "core": 30}[supplier]}


async def main(ctx, item):
    offers = []

    async def ask(supplier):
        offers.append(await ctx.call_activity(quote, input=supplier))

    await ctx.gather(ask("acme"), ask("bolt"), ask("core"))
    offers.sort(key=lambda offer: offer["price"])
    return offers[0]["supplier"]


ACTIVITIES = [quote]
