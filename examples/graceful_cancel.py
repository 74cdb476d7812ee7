"""A booking is cancelled half-way; what was booked is given back, durably.

    python examples/graceful_cancel.py

`client.cancel_orchestration` cancels the scope around the whole orchestration. The `finally` block stands in a shielded
scope, so its activities run to their end, however often the worker crashes meanwhile, and no longer than it allows.
"""

from __future__ import annotations

from typing import Any

import trio

from trio_durable import ActivityContext, Client, OrchestrationContext, OrchestrationStatus, Worker
from trio_durable.sidecar import open_sidecar

LEDGER: list[str] = []


def book(ctx: ActivityContext, what: str) -> str:
    """An activity: books something."""
    LEDGER.append(f"booked the {what}")
    return what


def give_back(ctx: ActivityContext, what: str) -> None:
    """An activity: takes the booking back."""
    LEDGER.append(f"gave back the {what}")


async def journey(ctx: OrchestrationContext) -> str:
    """The orchestration: a flight, a room, and the customer's word that both will do."""
    booked, confirmed = list[str](), False
    try:
        for what in ("flight", "room"):
            booked.append(await ctx.call_activity(book, input=what))
        ctx.set_custom_status("waiting for the customer")
        await ctx.wait_for_external_event("confirmed")
        confirmed = True
        return "have a good journey"
    finally:
        if not confirmed:
            with trio.move_on_after(600, shield=True):
                for what in reversed(booked):
                    await ctx.call_activity(give_back, input=what)


async def play(target: Any) -> tuple[OrchestrationStatus, list[str]]:
    """Run it against a sidecar, and cancel it once it waits for the customer."""
    LEDGER.clear()
    worker = Worker(target)
    worker.add_orchestrator(journey)
    for activity in (book, give_back):
        worker.add_activity(activity)
    async with trio.open_nursery() as nursery, Client(target) as client:
        await nursery.start(worker.serve)
        instance = await client.schedule_new_orchestration(journey)
        with trio.fail_after(100):
            while True:
                state = await client.get_orchestration_state(instance)
                if state is not None and state.serialized_custom_status:
                    break
                await trio.sleep(0.01)
        await client.cancel_orchestration(instance, reason="the customer fell ill")
        state = await client.wait_for_orchestration_completion(instance, timeout=100)
        nursery.cancel_scope.cancel()
    return state.runtime_status, LEDGER


async def main() -> None:
    """Play it on an embedded sidecar."""
    async with open_sidecar(":memory:") as sidecar:
        status, ledger = await play(sidecar.channel())
    print(*ledger, status.name, sep="\n")


if __name__ == "__main__":
    trio.run(main)
