"""The child's id was changed: running instances have a child of the old id, and send its address to one that is not."""


async def shipment(ctx, order):
    address = await ctx.wait_for_external_event("address")
    return f"sent to {address}"


def look_up_address(ctx, order):
    return "1 High Street"


async def main(ctx, item):
    child_id = f"{ctx.instance_id}-shipment"
    parcel = ctx.call_child_orchestrator(shipment, input="book", instance_id=child_id)
    address = await ctx.call_activity(look_up_address, input="book")
    await ctx.send_event(child_id, "address", data=address)
    return await parcel


ACTIVITIES = [look_up_address]
ORCHESTRATORS = [shipment]
