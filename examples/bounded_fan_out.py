"""A thousand thumbnails, never more than twenty at a time.

    python examples/bounded_fan_out.py

A `trio.CapacityLimiter` bounds how many activities the instance has asked for; all one thousand children stand in
memory, or in history after a crash, as ordinary tasks of a nursery.
"""

from __future__ import annotations

from typing import Any

import trio

from trio_durable import ActivityContext, Client, OrchestrationContext, Worker
from trio_durable.sidecar import open_sidecar

COUNT = 1_000
AT_A_TIME = 20


class Gauge:
    """How many activities run at the moment, and the most that ever did."""

    running = 0
    most = 0


async def thumbnail(ctx: ActivityContext, picture: int) -> int:
    """An activity: pretends to make one thumbnail, and gives its size."""
    Gauge.running += 1
    Gauge.most = max(Gauge.most, Gauge.running)
    await trio.sleep(0.002)
    Gauge.running -= 1
    return picture % 100


async def album(ctx: OrchestrationContext, count: int) -> int:
    """The orchestration: the sum of all sizes."""
    limiter = trio.CapacityLimiter(AT_A_TIME)
    total = 0

    async def one(picture: int) -> None:
        nonlocal total
        async with limiter:
            size = await ctx.call_activity(thumbnail, input=picture)
        total += size  # not `total += await ...`: that would read the total before it waits

    async with trio.open_nursery() as nursery:
        for picture in range(count):
            nursery.start_soon(one, picture)
    return total


async def play(target: Any, count: int = COUNT) -> int:
    """Run it against a sidecar."""
    Gauge.running = Gauge.most = 0
    worker = Worker(target)
    worker.add_orchestrator(album)
    worker.add_activity(thumbnail)
    async with trio.open_nursery() as nursery, Client(target) as client:
        await nursery.start(worker.serve)
        instance = await client.schedule_new_orchestration(album, input=count)
        state = await client.wait_for_orchestration_completion(instance, timeout=100)
        nursery.cancel_scope.cancel()
    state.raise_if_failed()
    return state.get_output(int)


async def main() -> None:
    """Play it on an embedded sidecar."""
    async with open_sidecar(":memory:") as sidecar:
        total = await play(sidecar.channel())
    print(f"{COUNT} thumbnails, {total} kB in all, at most {Gauge.most} at a time")


if __name__ == "__main__":
    trio.run(main)
