"""Two parcels to one customer have children of one id: the second is the first, and its parent waits for ever."""


def send(ctx, parcel):
    return parcel


async def delivery(ctx, parcel):
    await ctx.sleep(60)
    return await ctx.call_activity(send, input=parcel)


async def main(ctx, item):
    parcels = [{"to": "ann", "what": "lamp"}, {"to": "ann", "what": "bulb"}]
    deliveries = [
        ctx.call_child_orchestrator(delivery, input=parcel, instance_id=f"{ctx.instance_id}-{parcel['to']}")
        for parcel in parcels
    ]
    return len(await ctx.when_all(deliveries))


ACTIVITIES = [send]
ORCHESTRATORS = [delivery]
