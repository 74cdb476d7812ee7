"""Fan-out, fan-in: many activities beside each other, and one result of them all.

Prints:
    10 work items, 285 in all
    the slowest of three was still running
"""

import trio

from trio_durable import ActivityContext, Client, OrchestrationContext, Worker
from trio_durable.sidecar import open_sidecar


def work_items(ctx: ActivityContext, count: int) -> list[int]:
    return list(range(count))


async def square(ctx: ActivityContext, number: int) -> int:
    await trio.sleep(0.01)
    return number * number


async def sum_of_squares(ctx: OrchestrationContext, count: int) -> str:
    items = await ctx.call_activity(work_items, input=count)
    squares = await ctx.when_all([ctx.call_activity(square, input=item) for item in items])
    return f"{len(items)} work items, {sum(squares)} in all"


async def first_two_of_three(ctx: OrchestrationContext) -> str:
    # Real structured concurrency: leaving the block cancels what is still being waited for.
    done = 0
    async with trio.open_nursery() as nursery:

        async def wait(seconds: float) -> None:
            nonlocal done
            await trio.sleep(seconds)
            done += 1
            if done == 2:
                nursery.cancel_scope.cancel()

        for seconds in (0.01, 0.02, 3600):
            nursery.start_soon(wait, seconds)
    return "the slowest of three was still running"


async def main() -> None:
    async with open_sidecar() as sidecar, trio.open_nursery() as nursery, Client(sidecar.channel()) as client:
        worker = Worker(sidecar.channel())
        for orchestrator in (sum_of_squares, first_two_of_three):
            worker.add_orchestrator(orchestrator)
        for activity in (work_items, square):
            worker.add_activity(activity)
        await nursery.start(worker.serve)
        for name, count in (("sum_of_squares", 10), ("first_two_of_three", None)):
            instance_id = await client.schedule_new_orchestration(name, input=count)
            print((await client.wait_for_orchestration_completion(instance_id)).get_output())
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main)
