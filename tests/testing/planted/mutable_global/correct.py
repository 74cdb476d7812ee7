"""The counter is a local variable; the module holds constants only."""

SANDBOX = "off"
LIMIT = 3


def send(ctx, number):
    return number


async def main(ctx, item):
    sent = 0
    for _ in range(LIMIT):
        sent += 1
        await ctx.call_activity(send, input=sent)
    return "sent"


ACTIVITIES = [send]
