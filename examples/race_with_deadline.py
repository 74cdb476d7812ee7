"""Three suppliers are asked at once; the first answer wins, and the search ends after a deadline either way.

    python examples/race_with_deadline.py

The nursery, the scope that `fail_after` opens and the cancellation of the losers are Trio's own words; here they
survive a crash of the worker, and the deadline is a durable timer.
"""

from __future__ import annotations

from typing import Any

import trio

from trio_durable import ActivityContext, Client, OrchestrationContext, Worker
from trio_durable.sidecar import open_sidecar

SUPPLIERS = {"slow & cheap": 60.0, "quick": 0.3, "quicker, but broken": 0.01}  # seconds


async def ask(ctx: ActivityContext, supplier: str) -> str:
    """An activity: runs in the worker, at least once, with the real Trio."""
    await trio.sleep(SUPPLIERS[supplier])
    if "broken" in supplier:
        raise ConnectionError(supplier)
    return f"{supplier} has it"


async def first_offer(ctx: OrchestrationContext, search: tuple[float, list[str]]) -> str:
    """The orchestration: what it calls trio is the durable Trio."""
    deadline, suppliers = search
    offers: list[str] = []

    async def race(supplier: str) -> None:
        try:
            offers.append(await ctx.call_activity(ask, input=supplier))
        except Exception:
            return  # this one is out of the race
        nursery.cancel_scope.cancel("one offer is enough")

    try:
        with trio.fail_after(deadline):
            async with trio.open_nursery() as nursery:
                for supplier in suppliers:
                    nursery.start_soon(race, supplier)
    except trio.TooSlowError:
        return "nobody answered in time"
    return offers[0] if offers else "nobody has it"


async def play(target: Any) -> list[str]:
    """Run it twice against a sidecar: with time enough, and with too little."""
    worker = Worker(target, drain_seconds=0)  # nobody needs the answers of those who lost
    worker.add_orchestrator(first_offer)
    worker.add_activity(ask)
    results: list[str] = []
    async with trio.open_nursery() as nursery, Client(target) as client:
        await nursery.start(worker.serve)
        for search in ((50.0, list(SUPPLIERS)), (0.05, ["slow & cheap"])):
            instance = await client.schedule_new_orchestration(first_offer, input=search)
            state = await client.wait_for_orchestration_completion(instance, timeout=100)
            state.raise_if_failed()
            results.append(state.get_output(str))
        nursery.cancel_scope.cancel()
    return results


async def main() -> None:
    """Play it on an embedded sidecar."""
    async with open_sidecar(":memory:") as sidecar:
        for result in await play(sidecar.channel()):
            print(result)


if __name__ == "__main__":
    trio.run(main)
