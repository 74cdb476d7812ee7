"""An expense needs a human's approval; who does not answer in time is reminded, and then passed over.

    python examples/approval_escalation.py

Nested scopes, each with a durable deadline: every level has its own patience, and the whole has one around it. The
wait for the approval is one future, awaited again and again: an event that arrives between two awaits is not lost.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import trio

from trio_durable import ActivityContext, Client, OrchestrationContext, Worker
from trio_durable.sidecar import open_sidecar

LEVELS = ["clerk", "manager", "director"]
ALTOGETHER = 100.0  # seconds here; days in life


@dataclass
class Expense:
    """An amount, and how many seconds each level has to answer before it is reminded or passed over."""

    amount: int
    patience: float


def notify(ctx: ActivityContext, who: str) -> None:
    """An activity: writes a mail."""
    print(f"to the {who}: please approve")


async def expense(ctx: OrchestrationContext, asked: Expense) -> str:
    """The orchestration: who approved, or that nobody did."""
    approved = ctx.wait_for_external_event("approved", data_type=str)
    with trio.move_on_after(ALTOGETHER):
        for level in LEVELS:
            for _reminder in range(2):
                await ctx.call_activity(notify, input=level)
                with trio.move_on_after(asked.patience):
                    return f"{asked.amount} approved by {await approved}, asked last: {level}"
    return f"{asked.amount} refused: nobody answered"


async def play(target: Any) -> list[str]:
    """Run it twice against a sidecar: once somebody answers, once nobody does."""
    worker = Worker(target)
    worker.add_orchestrator(expense)
    worker.add_activity(notify)
    results: list[str] = []
    async with trio.open_nursery() as nursery, Client(target) as client:
        await nursery.start(worker.serve)
        for patience, answered in ((50.0, True), (0.1, False)):
            instance = await client.schedule_new_orchestration(expense, input=Expense(120, patience))
            if answered:
                await client.raise_orchestration_event(instance, "approved", data="the clerk")
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
