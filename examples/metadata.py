"""Metadata: what a client or an orchestration sets reaches every activity and child below it.

Prints:
    order: blue, by Ann
    child: blue, by Ann
    audit: blue, by the auditor
"""

import trio

from trio_durable import ActivityContext, Client, OrchestrationContext, Worker
from trio_durable.sidecar import open_sidecar


def tell(ctx: ActivityContext, who: str) -> None:
    print(f"{who}: {ctx.metadata['tenant']}, by {ctx.metadata['user']}")


async def order(ctx: OrchestrationContext) -> None:
    assert ctx.get_metadata() == {"tenant": "blue"}  # from the client
    ctx.set_metadata({**ctx.get_metadata(), "user": "Ann"})
    await ctx.call_activity(tell, input="order")
    await ctx.call_sub_orchestrator(child)
    # For one call only:
    await ctx.call_activity(tell, input="audit", metadata={"user": "the auditor"})


async def child(ctx: OrchestrationContext) -> None:
    await ctx.call_activity(tell, input="child")


async def main() -> None:
    async with open_sidecar() as sidecar, trio.open_nursery() as nursery, Client(sidecar.channel()) as client:
        worker = Worker(sidecar.channel())
        worker.add_orchestrator(order)
        worker.add_orchestrator(child)
        worker.add_activity(tell)
        await nursery.start(worker.serve)
        instance_id = await client.schedule_new_orchestration(order, metadata={"tenant": "blue"})
        (await client.wait_for_orchestration_completion(instance_id)).raise_if_failed()
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main)
