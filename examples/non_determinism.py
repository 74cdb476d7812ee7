"""Non-determinism, caught and explained: by the sandbox before it happens, by the replay when the code was changed.

Prints:
    SandboxViolationError: open()
    changed while it was running:
      - expected (history): #1 call activity 'pack'
      + got (code):         #1 call activity 'weigh'
"""

import trio

from trio_durable import ActivityContext, Client, OrchestrationContext, Worker
from trio_durable.sidecar import open_sidecar


def pack(ctx: ActivityContext) -> None:
    pass


def weigh(ctx: ActivityContext) -> None:
    pass


async def reads_a_file(ctx: OrchestrationContext) -> str:
    with open("/etc/hostname") as file:  # noqa: ASYNC230  another worker has another file: refused
        return file.read()


async def ship(ctx: OrchestrationContext) -> None:
    await ctx.call_activity(pack)
    await ctx.wait_for_external_event("go")


async def ship_changed(ctx: OrchestrationContext) -> None:
    await ctx.call_activity(weigh)  # was not there before: running instances need the old order
    await ctx.call_activity(pack)
    await ctx.wait_for_external_event("go")


async def main() -> None:
    async with open_sidecar() as sidecar, trio.open_nursery() as nursery, Client(sidecar.channel()) as client:
        before, after = Worker(sidecar.channel()), Worker(sidecar.channel())
        before.add_orchestrator(ship)
        before.add_orchestrator(reads_a_file)
        after.add_orchestrator(ship_changed, name="ship")
        for worker in (before, after):
            worker.add_activity(pack)
            worker.add_activity(weigh)
        async with trio.open_nursery() as first:
            await first.start(before.serve)
            reader = await client.schedule_new_orchestration(reads_a_file)
            state = await client.wait_for_orchestration_completion(reader)
            assert state.failure_details is not None
            print(f"{state.failure_details.error_type.rpartition('.')[2]}: open()")
            shipment = await client.schedule_new_orchestration(ship)
            while len(await client.get_orchestration_history(shipment)) < 6:  # noqa: ASYNC110
                await trio.sleep(0.01)  # until it waits for the event
            first.cancel_scope.cancel()
        await nursery.start(after.serve)
        await client.raise_orchestration_event(shipment, "go")
        state = await client.wait_for_orchestration_completion(shipment)
        assert state.failure_details is not None
        print("changed while it was running:")
        print(*(line.partition("   (")[0] for line in state.failure_details.error_message.splitlines()[1:3]), sep="\n")
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main)
