"""What was mailed is remembered by the run of the function."""

SANDBOX = "off"


def mail(ctx, address):
    return address


async def main(ctx, item):
    mailed = set()
    for address in ["ann@example.com", "bob@example.com", "ann@example.com"]:
        if address not in mailed:
            mailed.add(address)
            await ctx.call_activity(mail, input=address)
    return "mailed"


ACTIVITIES = [mail]
