"""Who is woken looks again, and waits on if somebody else was quicker."""

import trio


def pick(ctx, product):
    return product


def pack(ctx, product):
    return product


async def main(ctx, item):
    shelf, packed = [], []
    changed = trio.Condition()

    async def picker(product):
        picked = await ctx.call_activity(pick, input=product)
        async with changed:
            shelf.append(picked)
            changed.notify_all()

    async def packer():
        async with changed:
            while not shelf:
                await changed.wait()
            product = shelf.pop()
        packed.append(await ctx.call_activity(pack, input=product))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(packer)
        nursery.start_soon(packer)
        nursery.start_soon(picker, "tea")
        nursery.start_soon(picker, "cake")
    return sorted(packed)


ACTIVITIES = [pick, pack]
