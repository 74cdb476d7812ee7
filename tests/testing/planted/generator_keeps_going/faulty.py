"""A generator that tries again after everything, also after it was told to end: it asks for a pause instead."""


def poll(ctx, job):
    return "done"


def main(ctx, item):
    for _ in range(5):
        try:
            state = yield ctx.call_activity(poll, input="export")
            yield ctx.sleep(10)
            return state
        except BaseException:
            yield ctx.sleep(60)
    return "gave up"


ACTIVITIES = [poll]
