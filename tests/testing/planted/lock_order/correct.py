"""Every transfer locks its accounts in the order of their names."""

import trio


def screen(ctx, transfer):
    return True


def debit(ctx, account):
    return account


def credit(ctx, account):
    return account


async def main(ctx, item):
    locks = {"ann": trio.Lock(), "bob": trio.Lock()}

    async def transfer(source, target):
        await ctx.call_activity(screen, input=[source, target])
        first, second = sorted([source, target])
        async with locks[first], locks[second]:
            await ctx.call_activity(debit, input=source)
            await ctx.call_activity(credit, input=target)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(transfer, "ann", "bob")
        nursery.start_soon(transfer, "bob", "ann")
    return "transferred"


ACTIVITIES = [screen, debit, credit]
