"""What is made when the module is imported is the same in every process; the instance does the rest."""

import uuid

SANDBOX = "off"

OWNERS = uuid.uuid5(uuid.NAMESPACE_DNS, "ledger.example")


def lock(ctx, request):
    return True


def unlock(ctx, request):
    return True


async def main(ctx, item):
    owner = f"worker-{uuid.uuid5(OWNERS, ctx.instance_id).hex[:8]}"
    await ctx.call_activity(lock, input={"name": "ledger", "owner": owner})
    await ctx.sleep(60)
    return await ctx.call_activity(unlock, input={"name": "ledger", "owner": owner})


ACTIVITIES = [lock, unlock]
