"""An expense needs a human's approval; who does not answer in time is reminded, and then passed over.

    python examples/approval_escalation.py

Nested scopes, each with a durable deadline: every level has its own patience, and the whole has one around it. The
wait for the approval is one future, awaited again and again: an event that arrives between two awaits is not lost.
"""

from __future__ import annotations

from typing import Any

import trio

from trio_durable import ActivityContext, Client, OrchestrationContext, Worker
from trio_durable.sidecar import open_sidecar

LEVELS = ["clerk", "manager", "director"]
PATIENCE = 0.1  # seconds here; days in life
ALTOGETHER = 30.0


def notify(ctx: ActivityContext, who: str) -> None:
    """An activity: writes a mail."""
    print(f"to the {who}: please approve")


async def expense(ctx: OrchestrationContext, amount: int) -> str:
    """The orchestration: who approved, or that nobody did."""
    approved = ctx.wait_for_external_event("approved", data_type=str)
    with trio.move_on_after(ALTOGETHER):
        for level in LEVELS:
            for _reminder in range(2):
                await ctx.call_activity(notify, input=level)
                with trio.move_on_after(PATIENCE):
                    return f"{amount} approved by {await approved}, asked last: {level}"
    return f"{amount} refused: nobody answered"


async def play(target: Any) -> list[str]:
    """Run it twice against a sidecar: once the manager answers, once nobody does."""
    worker = Worker(target)
    worker.add_orchestrator(expense)
    worker.add_activity(notify)
    results = []
    async with trio.open_nursery() as nursery, Client(target) as client:
        await nursery.start(worker.serve)
        for answered in (True, False):
            instance = await client.schedule_new_orchestration(expense, input=120)
            if answered:
                await client.wait_for_orchestration_start(instance, timeout=30)
                await client.raise_orchestration_event(instance, "approved", data="the manager")
            state = await client.wait_for_orchestration_completion(instance, timeout=30)
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
