"""Cross-app calls: an orchestration of the app "shop" has work done by the app "billing".

Here both apps are on one embedded sidecar, each with a channel of its own.  Under Dapr each app has its own daprd; the
orchestration and the workers are the same, only their targets change:

    dapr run --app-id billing --dapr-grpc-port 50001 -- python billing.py
    dapr run --app-id shop    --dapr-grpc-port 50002 -- python shop.py

and `Worker()` without a target finds its daprd by DAPR_GRPC_PORT, which `dapr run` sets.

Prints:
    charged 42 by billing
    receipt for 42 from billing
"""

import trio

from trio_durable import ActivityContext, Client, OrchestrationContext, Worker
from trio_durable.sidecar import open_sidecar


def charge(ctx: ActivityContext, amount: int) -> str:
    return f"charged {amount} by billing"


async def receipt(ctx: OrchestrationContext, amount: int) -> str:
    return f"receipt for {amount} from {ctx.execution_info.app_id}"


async def sell(ctx: OrchestrationContext, amount: int) -> list[str]:
    # By name: the other app's functions need not be importable here.
    charged = await ctx.call_activity("charge", input=amount, app_id="billing", return_type=str)
    return [charged, await ctx.call_sub_orchestrator("receipt", input=amount, app_id="billing", return_type=str)]


async def main() -> None:
    async with open_sidecar() as sidecar, trio.open_nursery() as nursery:
        shop = Worker(sidecar.channel(app_id="shop"))
        shop.add_orchestrator(sell)
        billing = Worker(sidecar.channel(app_id="billing"))
        billing.add_orchestrator(receipt)
        billing.add_activity(charge)
        await nursery.start(shop.serve)
        await nursery.start(billing.serve)
        async with Client(sidecar.channel(app_id="shop")) as client:
            instance_id = await client.schedule_new_orchestration(sell, input=42)
            print(*(await client.wait_for_orchestration_completion(instance_id)).get_output(), sep="\n")
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main)
