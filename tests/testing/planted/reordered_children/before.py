"""As it was deployed: the bill first, then the parcel."""


def load_order(ctx, order_id):
    return {"id": order_id, "total": 120}


async def bill(ctx, order):
    return f"billed {order['total']}"


async def ship(ctx, order):
    return "shipped"


async def main(ctx, item):
    order = await ctx.call_activity(load_order, input=item)
    billed = await ctx.call_child_orchestrator(bill, input=order)
    shipped = await ctx.call_child_orchestrator(ship, input=order)
    return [billed, shipped]


ACTIVITIES = [load_order]
ORCHESTRATORS = [bill, ship]
