"""The new id is behind a patch: running instances go on with the child that they have."""


async def shipment(ctx, order):
    address = await ctx.wait_for_external_event("address")
    return f"sent to {address}"


def look_up_address(ctx, order):
    return "1 High Street"


async def main(ctx, item):
    suffix = "shipment" if ctx.is_patched("shipment ids") else "order"
    child_id = f"{ctx.instance_id}-{suffix}"
    parcel = ctx.call_child_orchestrator(shipment, input="book", instance_id=child_id)
    address = await ctx.call_activity(look_up_address, input="book")
    await ctx.send_event(child_id, "address", data=address)
    return await parcel


ACTIVITIES = [look_up_address]
ORCHESTRATORS = [shipment]
