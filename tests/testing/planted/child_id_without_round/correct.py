"""Each parcel has a child of its own."""


def send(ctx, parcel):
    return parcel


async def delivery(ctx, parcel):
    await ctx.sleep(60)
    return await ctx.call_activity(send, input=parcel)


async def main(ctx, item):
    parcels = [{"to": "ann", "what": "lamp"}, {"to": "ann", "what": "bulb"}]
    deliveries = [
        ctx.call_child_orchestrator(delivery, input=parcel, instance_id=f"{ctx.instance_id}-{parcel['to']}-{number}")
        for number, parcel in enumerate(parcels)
    ]
    return len(await ctx.when_all(deliveries))


ACTIVITIES = [send]
ORCHESTRATORS = [delivery]
