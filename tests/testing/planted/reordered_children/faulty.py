"""The parcel now goes out before the bill: where a running instance has its bill, the code asks for a parcel."""


def load_order(ctx, order_id):
    return {"id": order_id, "total": 120}


async def bill(ctx, order):
    return f"billed {order['total']}"


async def ship(ctx, order):
    return "shipped"


async def main(ctx, item):
    order = await ctx.call_activity(load_order, input=item)
    shipped = await ctx.call_child_orchestrator(ship, input=order)
    billed = await ctx.call_child_orchestrator(bill, input=order)
    return [billed, shipped]


ACTIVITIES = [load_order]
ORCHESTRATORS = [bill, ship]
