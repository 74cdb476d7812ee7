"""Run by a peer's interpreter: its worker, with the orchestrations of `road_ours.py` in the words of these SDKs.

    python road_peer.py PACKAGE ADDRESS

It ends when its standard input does; to each line there it answers with the seconds of processor time it has used.
"""

import importlib
import sys
import time

package, address = sys.argv[1:]
task = importlib.import_module(f"{package}.task")
worker = importlib.import_module(f"{package}.worker")


def echo(ctx, number):
    return number


def chain(ctx, count):
    total = 0
    for number in range(count):
        total += yield ctx.call_activity(echo, input=number)
    return total


def fan(ctx, count):
    return sum((yield task.when_all([ctx.call_activity(echo, input=number) for number in range(count)])))


def small(ctx, number):
    return (yield ctx.call_activity(echo, input=number))


def events(ctx, waves):
    total = 0
    for wave, count in enumerate(waves):
        for _ in range(count):
            total += yield ctx.wait_for_external_event("tick")
        ctx.set_custom_status(str(wave))
    return total


def children(ctx, count):
    return sum((yield task.when_all([ctx.call_sub_orchestrator(small, input=number) for number in range(count)])))


serving = worker.TaskHubGrpcWorker(host_address=address)
for orchestrator in (chain, fan, small, events, children):
    serving.add_orchestrator(orchestrator)
serving.add_activity(echo)
serving.start()
for _ in sys.stdin:
    print(time.process_time(), flush=True)
serving.stop()
