"""Each task is given its own parcel."""

import trio


def send(ctx, parcel):
    return parcel


async def main(ctx, item):
    async with trio.open_nursery() as nursery:
        for parcel in ("a", "b", "c"):

            async def deliver(parcel):
                await ctx.call_activity(send, input=parcel)

            nursery.start_soon(deliver, parcel)
    return "sent"


def check(outcome):
    if outcome.status.name == "COMPLETED":
        assert sorted(call.input for call in outcome.calls("send")) == ["a", "b", "c"], "a parcel was not sent"


ACTIVITIES = [send]
