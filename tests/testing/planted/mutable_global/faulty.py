"""A counter at module level goes on counting with every replay."""

SANDBOX = "off"
sent = 0


def send(ctx, number):
    return number


async def main(ctx, item):
    global sent
    for _ in range(3):
        sent += 1
        await ctx.call_activity(send, input=sent)
    return "sent"


ACTIVITIES = [send]
