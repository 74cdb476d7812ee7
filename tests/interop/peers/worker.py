"""Run by the peer's interpreter: durabletask-dapr as a worker on our sidecar, until its standard input is closed."""

import sys
from datetime import timedelta

from durabletask import task
from durabletask.worker import TaskHubGrpcWorker


def shout(ctx, text):
    return text.upper() + "!"


def stumble(ctx, text):
    raise ValueError(f"cannot {text}")


def tour(ctx, cities):
    """Activities one by one, then all at once, a timer, an event, a child."""
    shouts = []
    for city in cities:
        shouts.append((yield ctx.call_activity(shout, input=city)))
    together = yield task.when_all([ctx.call_activity(shout, input=city) for city in cities])
    began = ctx.current_utc_datetime
    yield ctx.create_timer(timedelta(milliseconds=200))
    slept = (ctx.current_utc_datetime - began).total_seconds()
    ctx.set_custom_status("waiting")
    event = yield ctx.wait_for_external_event("Next")
    child = yield ctx.call_sub_orchestrator(stop_over, input="rome")
    return {"shouts": shouts, "together": together, "slept": slept, "event": event, "child": child}


def stop_over(ctx, city):
    return (yield ctx.call_activity(shout, input=city))


def trips(ctx, what):
    yield ctx.call_activity(stumble, input=what)


def rounds(ctx, left):
    yield ctx.create_timer(timedelta(milliseconds=20))
    if left:
        ctx.continue_as_new(left - 1)
        return None
    return "home"


worker = TaskHubGrpcWorker(host_address=sys.argv[1])
for orchestrator in (tour, stop_over, trips, rounds):
    worker.add_orchestrator(orchestrator)
for activity in (shout, stumble):
    worker.add_activity(activity)
worker.start()
sys.stdin.read()
worker.stop()
