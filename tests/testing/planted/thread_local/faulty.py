"""What was mailed is remembered by the thread: on replay the thread remembers, and nothing is asked for."""

import threading

SANDBOX = "off"

_local = threading.local()


def mail(ctx, address):
    return address


async def main(ctx, item):
    if not hasattr(_local, "mailed"):
        _local.mailed = set()
    for address in ["ann@example.com", "bob@example.com", "ann@example.com"]:
        if address not in _local.mailed:
            _local.mailed.add(address)
            await ctx.call_activity(mail, input=address)
    return "mailed"


ACTIVITIES = [mail]
