"""A failed upload keeps its permit: after two of them nobody gets one, and the others wait for ever."""

import trio


def upload(ctx, name):
    if name.endswith(".tmp"):
        raise ValueError(f"{name} is no picture")
    return name


async def main(ctx, item):
    permits = trio.Semaphore(2)
    uploaded = []

    async def send(name):
        await permits.acquire()
        try:
            uploaded.append(await ctx.call_activity(upload, input=name))
        except Exception:
            return
        permits.release()

    async with trio.open_nursery() as nursery:
        for name in ("a.tmp", "b.jpg", "c.tmp", "d.jpg", "e.jpg"):
            nursery.start_soon(send, name)
    return sorted(uploaded)


ACTIVITIES = [upload]
