"""A saga: a trip is booked step by step, and undone in reverse when a step fails.

The compensations are durable: if this process dies among them, the next worker goes on where it stopped.

Prints:
    booked hotel
    booked car
    no flight to be had
    cancelled car
    cancelled hotel
    the trip FAILED: activity 'book' failed: ValueError: no flight to be had
"""

import trio

from trio_durable import ActivityContext, Client, OrchestrationContext, OrchestrationFailedError, Worker
from trio_durable.sidecar import open_sidecar


def book(ctx: ActivityContext, what: str) -> None:
    if what == "flight":
        print("no flight to be had")
        raise ValueError("no flight to be had")
    print(f"booked {what}")


def cancel(ctx: ActivityContext, what: str) -> None:
    print(f"cancelled {what}")


async def trip(ctx: OrchestrationContext) -> None:
    async with ctx.saga() as saga:
        for what in ("hotel", "car", "flight"):
            await ctx.call_activity(book, input=what)
            saga.compensate(cancel, input=what)


async def main() -> None:
    async with open_sidecar() as sidecar, trio.open_nursery() as nursery, Client(sidecar.channel()) as client:
        worker = Worker(sidecar.channel())
        worker.add_orchestrator(trip)
        worker.add_activity(book)
        worker.add_activity(cancel)
        await nursery.start(worker.serve)
        instance_id = await client.schedule_new_orchestration(trip)
        state = await client.wait_for_orchestration_completion(instance_id)
        try:
            state.raise_if_failed()
        except OrchestrationFailedError as error:
            print(f"the trip {state.runtime_status.name}: {error.details.error_message}")
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main)
