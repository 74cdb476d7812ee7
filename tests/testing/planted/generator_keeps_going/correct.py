"""A generator that tries again after an error; what ends it is no error, and goes through."""


def poll(ctx, job):
    return "done"


def main(ctx, item):
    for _ in range(5):
        try:
            state = yield ctx.call_activity(poll, input="export")
            yield ctx.sleep(10)
            return state
        except Exception:
            yield ctx.sleep(60)
    return "gave up"


ACTIVITIES = [poll]
