"""An application as people write it: one file with the worker, its orchestrators, activities, and a client."""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from uuid import UUID, uuid4

import trio

from tests.endtoend import whole_app_models
from trio_durable import Client, OrchestrationContext, Worker

worker = Worker()
client = Client()
executed = []
executed.append("once per instance")


@dataclass
class Parcel:
    weight: int
    id: UUID = field(default_factory=uuid4)


@worker.activity()
def weigh(ctx, parcel: Parcel) -> int:
    return parcel.weight + (os.getpid() > 0)


@worker.orchestrator()
async def ship(ctx: OrchestrationContext, order: whole_app_models.Order) -> list[object]:
    executed.append("in a turn")
    parcel = Parcel(order.weight)
    weight = await ctx.call_activity(weigh, input=parcel)
    same = type(order) is whole_app_models.Order and isinstance(order, whole_app_models.Order)
    return [weight, len(executed), same, order.total(), str(parcel.id)]


@worker.orchestrator()
async def asks_a_client(ctx: OrchestrationContext) -> str:
    try:
        async with client:
            return "connected"
    except Exception:
        return "swallowed"


@worker.orchestrator()
async def serves(ctx: OrchestrationContext) -> None:
    await worker.serve()


@worker.orchestrator()
async def changes_a_shared_class(ctx: OrchestrationContext) -> None:
    kind = getattr(whole_app_models, "Or" + "der")
    kind.discount = 5


worker.add_orchestrator(asks_a_client, name="unguarded", sandbox="off")

trio.run(worker.serve) if __name__ == "__main__" else None
