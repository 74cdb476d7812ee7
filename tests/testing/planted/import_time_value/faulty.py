"""The owner of the lock is made when the module is imported: after a restart it is another one."""

import uuid

SANDBOX = "off"

OWNER = f"worker-{uuid.uuid4().hex[:8]}"


def lock(ctx, request):
    return True


def unlock(ctx, request):
    return True


async def main(ctx, item):
    await ctx.call_activity(lock, input={"name": "ledger", "owner": OWNER})
    await ctx.sleep(60)
    return await ctx.call_activity(unlock, input={"name": "ledger", "owner": OWNER})


ACTIVITIES = [lock, unlock]
