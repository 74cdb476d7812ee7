"""A refused call is tried anyway, and its refusal swallowed."""

import socket


def place(ctx, host):
    return host


async def main(ctx, item):
    try:
        host = socket.gethostname()
    except Exception:
        host = "unknown"
    return await ctx.call_activity(place, input=host)


ACTIVITIES = [place]
