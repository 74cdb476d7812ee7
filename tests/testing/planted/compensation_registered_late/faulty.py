"""A seat that is held when its neighbour's hold fails is forgotten: its release is noted only after the wait."""

import trio


def hold(ctx, seat):
    return seat


def release(ctx, seat):
    return seat


async def main(ctx, item):
    async with ctx.saga() as saga:

        async def take(seat):
            held = await ctx.call_activity(hold, input=seat)
            saga.compensate(release, input=held)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(take, "12A")
            nursery.start_soon(take, "12B")
    return "held"


def check(outcome):
    if outcome.status.name == "FAILED":
        held = {call.input for call in outcome.calls("hold") if call.done and call.failure is None}
        assert held <= {call.input for call in outcome.calls("release")}, "a seat stays held"


ACTIVITIES = [hold, release]
