"""The new order is behind a patch: instances that began with the old one end with it."""


def load_order(ctx, order_id):
    return {"id": order_id, "total": 120}


async def bill(ctx, order):
    return f"billed {order['total']}"


async def ship(ctx, order):
    return "shipped"


async def main(ctx, item):
    ship_first = ctx.is_patched("ship before the bill")
    order = await ctx.call_activity(load_order, input=item)
    if ship_first:
        shipped = await ctx.call_child_orchestrator(ship, input=order)
        billed = await ctx.call_child_orchestrator(bill, input=order)
    else:
        billed = await ctx.call_child_orchestrator(bill, input=order)
        shipped = await ctx.call_child_orchestrator(ship, input=order)
    return [billed, shipped]


ACTIVITIES = [load_order]
ORCHESTRATORS = [bill, ship]
