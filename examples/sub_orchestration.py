"""Sub-orchestration: an orchestration that is made of others, and hears of their failures with their causes.

Prints:
    ['tea: shipped', 'salt: shipped', 'gold: not shipped, no gold left']
"""

import trio

from trio_durable import ActivityContext, Client, OrchestrationContext, TaskFailedError, Worker
from trio_durable.sidecar import open_sidecar


class OutOfStock(Exception):
    pass


def reserve(ctx: ActivityContext, product: str) -> str:
    if product == "gold":
        raise OutOfStock(f"no {product} left")
    return product


async def ship_one(ctx: OrchestrationContext, product: str) -> str:
    return f"{await ctx.call_activity(reserve, input=product)}: shipped"


async def ship_all(ctx: OrchestrationContext, products: list[str]) -> list[str]:
    children = [ctx.call_sub_orchestrator(ship_one, input=product) for product in products]
    report: list[str] = []
    for product, child in zip(products, children, strict=True):
        try:
            report.append(await child)
        except TaskFailedError as error:
            # The child failed because its activity did: the chain of causes came along.
            if not error.is_caused_by(OutOfStock) or error.details.inner is None:
                raise
            report.append(f"{product}: not shipped, {error.details.inner.error_message}")
    return report


async def main() -> None:
    async with open_sidecar() as sidecar, trio.open_nursery() as nursery, Client(sidecar.channel()) as client:
        worker = Worker(sidecar.channel())
        worker.add_orchestrator(ship_one)
        worker.add_orchestrator(ship_all)
        worker.add_activity(reserve)
        await nursery.start(worker.serve)
        instance_id = await client.schedule_new_orchestration(ship_all, input=["tea", "salt", "gold"])
        print((await client.wait_for_orchestration_completion(instance_id)).get_output())
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main)
