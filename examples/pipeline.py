"""Documents go through a pipeline of stages that hand them on over memory channels.

    python examples/pipeline.py

Each stage is a task that takes from one channel and sends to the next; the small buffers keep a fast stage from running
far ahead of a slow one. Where the worker crashes, every channel holds afterwards what it held.
"""

from __future__ import annotations

from typing import Any

import trio

from trio_durable import ActivityContext, Client, OrchestrationContext, Worker
from trio_durable.sidecar import open_sidecar

DOCUMENTS = ["durable", "structured", "concurrency"]


def scan(ctx: ActivityContext, name: str) -> str:
    """An activity: reads a document."""
    return f"<{name}>"


def translate(ctx: ActivityContext, text: str) -> str:
    """An activity: puts it into another language."""
    return text.upper()


async def digitise(ctx: OrchestrationContext, names: list[str]) -> list[str]:
    """The orchestration: scanned and translated, in the order given."""
    scanned_in, scanned_out = trio.open_memory_channel[str](2)
    done_in, done_out = trio.open_memory_channel[str](2)

    async def scanner() -> None:
        async with scanned_in:
            for name in names:
                await scanned_in.send(await ctx.call_activity(scan, input=name))

    async def translator() -> None:
        async with done_in:
            async for text in scanned_out:
                await done_in.send(await ctx.call_activity(translate, input=text))

    results: list[str] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(scanner)
        nursery.start_soon(translator)
        async for text in done_out:
            results.append(text)
    return results


async def play(target: Any) -> list[str]:
    """Run it against a sidecar."""
    worker = Worker(target)
    worker.add_orchestrator(digitise)
    worker.add_activity(scan)
    worker.add_activity(translate)
    async with trio.open_nursery() as nursery, Client(target) as client:
        await nursery.start(worker.serve)
        instance = await client.schedule_new_orchestration(digitise, input=DOCUMENTS)
        state = await client.wait_for_orchestration_completion(instance, timeout=100)
        nursery.cancel_scope.cancel()
    state.raise_if_failed()
    return state.get_output(list[str])


async def main() -> None:
    """Play it on an embedded sidecar."""
    async with open_sidecar(":memory:") as sidecar:
        for text in await play(sidecar.channel()):
            print(text)


if __name__ == "__main__":
    trio.run(main)
