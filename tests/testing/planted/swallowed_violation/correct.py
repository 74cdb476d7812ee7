"""What is caught is the failure of an activity."""

from trio_durable import TaskFailedError


def host_name(ctx, default):
    raise OSError("no name")


def place(ctx, host):
    return host


async def main(ctx, item):
    try:
        host = await ctx.call_activity(host_name)
    except TaskFailedError:
        host = "unknown"
    return await ctx.call_activity(place, input=host)


ACTIVITIES = [host_name, place]
