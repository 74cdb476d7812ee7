"""Human interaction: an order waits for somebody's approval, but not for ever.

The order is a dataclass, the approval a named tuple, and the price a class of our own with a JSON form of its own.

Prints:
    Order(product='bike', price=900 EUR): approved by Ann
    Order(product='yacht', price=99999 EUR): nobody approved in time
"""

from dataclasses import dataclass
from typing import NamedTuple

import trio

from trio_durable import ActivityContext, Client, OrchestrationContext, Worker
from trio_durable.sidecar import open_sidecar


class Price:
    def __init__(self, amount: int, currency: str) -> None:
        self.amount, self.currency = amount, currency

    def __repr__(self) -> str:
        return f"{self.amount} {self.currency}"

    def to_json(self) -> object:
        return [self.amount, self.currency]

    @classmethod
    def from_json(cls, value: list[object]) -> "Price":
        return cls(int(str(value[0])), str(value[1]))


@dataclass
class Order:
    product: str
    price: Price


class Approval(NamedTuple):
    approver: str
    granted: bool


def ask_for_approval(ctx: ActivityContext, order: Order) -> None:
    assert isinstance(order.price, Price)


async def purchase(ctx: OrchestrationContext, order: Order) -> str:
    await ctx.call_activity(ask_for_approval, input=order)
    try:
        approval = await ctx.wait_for_external_event("approval", timeout=0.5, data_type=Approval)
    except TimeoutError:
        return f"{order}: nobody approved in time"
    return f"{order}: {'approved' if approval.granted else 'refused'} by {approval.approver}"


async def main() -> None:
    async with open_sidecar() as sidecar, trio.open_nursery() as nursery, Client(sidecar.channel()) as client:
        worker = Worker(sidecar.channel())
        worker.add_orchestrator(purchase)
        worker.add_activity(ask_for_approval)
        await nursery.start(worker.serve)
        bike = await client.schedule_new_orchestration(purchase, input=Order("bike", Price(900, "EUR")))
        await client.raise_orchestration_event(bike, "approval", data=Approval("Ann", True))
        yacht = await client.schedule_new_orchestration(purchase, input=Order("yacht", Price(99999, "EUR")))
        for instance_id in (bike, yacht):
            print((await client.wait_for_orchestration_completion(instance_id)).get_output())
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main)
