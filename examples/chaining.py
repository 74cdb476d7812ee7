"""Function chaining: each step gets what the one before returned.  Written twice, for both spellings.

Prints:
    ['Hello Tokyo', 'Hello Seattle', 'Hello London']
    ['Hello Tokyo', 'Hello Seattle', 'Hello London']
"""

from collections.abc import Generator
from typing import Any

import trio

from trio_durable import ActivityContext, Client, OrchestrationContext, Worker
from trio_durable.sidecar import open_sidecar

CITIES = ["Tokyo", "Seattle", "London"]


def hello(ctx: ActivityContext, city: str) -> str:
    return f"Hello {city}"


async def tour(ctx: OrchestrationContext) -> list[str]:
    return [await ctx.call_activity(hello, input=city) for city in CITIES]


def tour_generator(ctx: OrchestrationContext) -> Generator[Any, Any, list[str]]:
    greetings: list[str] = []
    for city in CITIES:
        greetings.append((yield ctx.call_activity(hello, input=city)))
    return greetings


async def main() -> None:
    async with open_sidecar() as sidecar, trio.open_nursery() as nursery, Client(sidecar.channel()) as client:
        worker = Worker(sidecar.channel())
        worker.add_orchestrator(tour)
        worker.add_orchestrator(tour_generator)
        worker.add_activity(hello)
        await nursery.start(worker.serve)
        for orchestrator in ("tour", "tour_generator"):
            instance_id = await client.schedule_new_orchestration(orchestrator)
            state = await client.wait_for_orchestration_completion(instance_id)
            print(state.get_output())
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main)
