"""An approval says what it approves; one of an earlier round counts for nothing."""

from datetime import timedelta


def publish(ctx, number):
    return number


async def main(ctx, item):
    published = []
    for number in (1, 2):
        until = ctx.now() + timedelta(hours=1)
        while ctx.now() < until:
            try:
                approved = await ctx.wait_for_external_event("approved", timeout=until - ctx.now())
            except TimeoutError:
                break
            if approved == number:
                published.append(await ctx.call_activity(publish, input=number))
                break
    return published


def check(outcome):
    # The one approval that there is is of request 1.
    assert [call.input for call in outcome.calls("publish")] in ([], [1]), "published without an approval"


ACTIVITIES = [publish]
EVENTS = [("approved", 1)]
