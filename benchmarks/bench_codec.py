"""The codec beside google protobuf's C core (upb), in one run on one machine: ratios are what counts.

    python benchmarks/bench_codec.py            the table, PASS or FAIL for each target; exit status 1 on a FAIL
    python benchmarks/bench_codec.py --quick    fewer repetitions; --json FILE for a machine-readable copy

Method. Both sides get the same bytes and do the same work: what a row reads, both read, into local variables, and a
time is kept as nanoseconds by both. A repetition runs the two sides one after the other, the order alternating; the
figure is the median over the repetitions of the ratio within one repetition, so that a busy machine slows both. The
garbage collector is on for both sides, as in a user's program, and is run to completion before each measurement.
`codec.decode` pauses it while it reads 64 KiB or more; nothing is switched for its sake from outside.

The history: activities scheduled and completed with JSON payloads of some 200 bytes, timers, external events, a turn
begun every few events; some 200 bytes an event.

    decode    parse a WorkflowRequest and read every field of every event that a replay needs
    scan      the same need met without messages: kinds, ids, names, results (what `_scan` lists)
    encode    serialise a WorkflowRequest that exists. Both sides write every field anew each time: neither keeps the
              bytes of a message, and the C core takes the same time for messages parsed, touched or built by hand
    action    build one ScheduleTask action in a WorkflowResponse, and serialise it
"""

from __future__ import annotations

import argparse
import gc
import json
import random
import statistics
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import trio_durable_proto as pb
from google.protobuf import descriptor_pool, empty_pb2, message_factory, timestamp_pb2, wrappers_pb2
from google.protobuf.descriptor_pb2 import FileDescriptorSet
from google.protobuf.internal import api_implementation
from trio_durable_proto import codec

TARGETS = {
    ("decode", 10): 2.5,
    ("decode", 100): 2.5,
    ("decode", 1_000): 3.3,
    ("decode", 10_000): 4.5,
    ("scan", 10): 2.2,
    ("scan", 100): 2.2,
    ("scan", 1_000): 2.2,
    ("scan", 10_000): 2.2,
    ("encode", 100): 12.0,
    ("encode", 1_000): 12.0,
    ("encode", 10_000): 16.0,
    ("action", 1): 4.0,
}
SECOND = 1_000_000_000


def core_classes() -> Callable[[str], Any]:
    """google protobuf's classes for our contract, in a pool of their own."""
    pool = descriptor_pool.DescriptorPool()
    for module in (timestamp_pb2, wrappers_pb2, empty_pb2):
        pool.AddSerializedFile(module.DESCRIPTOR.serialized_pb)
    contract = Path(__file__).parents[1] / "proto" / "contract.binpb"
    for file in FileDescriptorSet.FromString(contract.read_bytes()).file:
        pool.Add(file)
    return lambda name: message_factory.GetMessageClass(pool.FindMessageTypeByName(name))


CORE = core_classes()
CoreRequest = CORE("WorkflowRequest")
CoreResponse = CORE("WorkflowResponse")


def history(count: int) -> bytes:
    """An encoded WorkflowRequest with `count` events (the last three of them new)."""
    rng = random.Random(7)
    events: list[pb.HistoryEvent] = []
    seconds = 1_790_000_000

    def add(event_id: int, **content: Any) -> None:
        nonlocal seconds
        seconds += rng.randrange(3)
        stamp = pb.Timestamp(seconds, rng.randrange(SECOND))
        events.append(pb.HistoryEvent(event_id=event_id, timestamp=stamp, **content))

    def payload() -> str:
        return json.dumps({"order": rng.randrange(10**9), "customer": "c" * rng.randrange(60, 100), "lines": [1, 2, 3],
                           "note": "n" * rng.randrange(40, 80)})

    add(-1, workflow_started=pb.WorkflowStartedEvent())
    add(-1, execution_started=pb.ExecutionStartedEvent(
        name="order", input=payload(), workflow_instance=pb.WorkflowInstance("instance-1", "execution-1")))
    action = 0
    while len(events) < count:
        turn = action % 8
        if turn == 5:
            fire_at = pb.Timestamp(seconds + 60, 5)
            add(action, timer_created=pb.TimerCreatedEvent(
                fire_at=fire_at, create_timer=pb.TimerOriginCreateTimer()))
            add(-1, workflow_started=pb.WorkflowStartedEvent())
            add(-1, timer_fired=pb.TimerFiredEvent(fire_at=fire_at, timer_id=action))
        elif turn == 7:
            add(-1, workflow_started=pb.WorkflowStartedEvent())
            add(-1, event_raised=pb.EventRaisedEvent(name="approval", input=payload()))
        else:
            execution = f"{rng.getrandbits(128):032x}"
            add(action, task_scheduled=pb.TaskScheduledEvent(
                name="charge_card", input=payload(), task_execution_id=execution))
            add(-1, workflow_started=pb.WorkflowStartedEvent())
            add(-1, task_completed=pb.TaskCompletedEvent(
                task_scheduled_id=action, result=payload(), task_execution_id=execution))
        action += 1
    del events[count:]
    return codec.encode(pb.WorkflowRequest(
        instance_id="instance-1", execution_id="execution-1", past_events=events[:-3], new_events=events[-3:]))


def read_core(data: bytes) -> int:
    """Parse with the C core and read what a replay needs, and every event's time."""
    request = CoreRequest.FromString(data)
    seen = 0
    found: tuple[Any, ...]
    for events in (request.pastEvents, request.newEvents):
        for event in events:
            kind = event.WhichOneof("eventType")
            event_id = event.eventId
            stamp = event.timestamp
            now = stamp.seconds * SECOND + stamp.nanos
            if kind == "taskScheduled":
                scheduled = event.taskScheduled
                found = scheduled.name, scheduled.input.value if scheduled.HasField("input") else None
                found = *found, scheduled.taskExecutionId
            elif kind == "taskCompleted":
                completed = event.taskCompleted
                found = completed.taskScheduledId, completed.result.value if completed.HasField("result") else None
            elif kind == "timerCreated":
                created = event.timerCreated
                fire_at = created.fireAt
                found = fire_at.seconds * SECOND + fire_at.nanos, created.WhichOneof("origin")
            elif kind == "timerFired":
                fired = event.timerFired
                fire_at = fired.fireAt
                found = fired.timerId, fire_at.seconds * SECOND + fire_at.nanos
            elif kind == "eventRaised":
                raised = event.eventRaised
                found = raised.name, raised.input.value if raised.HasField("input") else None
            elif kind == "executionStarted":
                started = event.executionStarted
                found = started.name, started.input.value if started.HasField("input") else None
            else:
                found = ()
            seen += len(found) + (now > 0) + (event_id > -2)
    return seen


def read_ours(data: bytes) -> int:
    """The same with our codec."""
    request = codec.decode(pb.WorkflowRequest, data)
    seen = 0
    found: tuple[Any, ...]
    for events in (request.past_events, request.new_events):
        for event in events:
            kind = event._group_current["eventType"]
            event_id = event.event_id
            stamp = event.timestamp
            now = stamp.seconds * SECOND + stamp.nanos
            if kind == "task_scheduled":
                scheduled = event.task_scheduled
                found = scheduled.name, scheduled.input
                found = *found, scheduled.task_execution_id
            elif kind == "task_completed":
                completed = event.task_completed
                found = completed.task_scheduled_id, completed.result
            elif kind == "timer_created":
                created = event.timer_created
                fire_at = created.fire_at
                found = fire_at.seconds * SECOND + fire_at.nanos, created._group_current["origin"]
            elif kind == "timer_fired":
                fired = event.timer_fired
                fire_at = fired.fire_at
                found = fired.timer_id, fire_at.seconds * SECOND + fire_at.nanos
            elif kind == "event_raised":
                raised = event.event_raised
                found = raised.name, raised.input
            elif kind == "execution_started":
                started = event.execution_started
                found = started.name, started.input
            else:
                found = ()
            seen += len(found) + (now > 0) + (event_id > -2)
    return seen


def scan_core(data: bytes) -> list[tuple[Any, ...]]:
    """What `codec.scan` yields, by the C core."""
    request = CoreRequest.FromString(data)
    found: list[tuple[Any, ...]] = []
    for events in (request.pastEvents, request.newEvents):
        for event in events:
            kind = event.WhichOneof("eventType")
            event_id = event.eventId
            if kind == "taskScheduled":
                scheduled = event.taskScheduled
                found.append((6, event_id, scheduled.name, scheduled.taskExecutionId))
            elif kind == "taskCompleted":
                done = event.taskCompleted
                result = done.result.value if done.HasField("result") else None
                found.append((7, event_id, done.taskScheduledId, result))
            elif kind == "workflowStarted":
                stamp = event.timestamp
                content = event.workflowStarted
                version = content.version if content.HasField("version") else None
                found.append((14, event_id, stamp.seconds * SECOND + stamp.nanos, version))
            elif kind == "timerFired":
                fired = event.timerFired
                stamp = fired.fireAt
                found.append((13, event_id, fired.timerId, stamp.seconds * SECOND + stamp.nanos))
            elif kind == "timerCreated":
                created = event.timerCreated
                stamp = created.fireAt
                origin = (4, "") if created.WhichOneof("origin") == "createTimer" else None
                found.append((12, event_id, stamp.seconds * SECOND + stamp.nanos, origin))
            elif kind == "eventRaised":
                raised = event.eventRaised
                found.append((17, event_id, raised.name, raised.input.value if raised.HasField("input") else None))
            elif kind == "executionStarted":
                started = event.executionStarted
                found.append((3, event_id, started.name, started.input.value if started.HasField("input") else None))
    return found


def scan_ours(data: bytes) -> list[tuple[Any, ...]]:
    parts = codec.split(data)
    return [*codec.scan(data, parts.past), *codec.scan(data, parts.new)]


PAYLOAD = json.dumps({"order": 123456789, "customer": "c" * 120, "lines": [1, 2, 3]})


def action_core() -> bytes:
    response = CoreResponse(instanceId="instance-1", completionToken="token-1")
    task = response.actions.add(id=7).scheduleTask
    task.name = "charge_card"
    task.input.value = PAYLOAD
    task.taskExecutionId = "0123456789abcdef0123456789abcdef"
    data: bytes = response.SerializeToString()
    return data


def action_ours() -> bytes:
    task = pb.ScheduleTaskAction(
        name="charge_card", input=PAYLOAD, task_execution_id="0123456789abcdef0123456789abcdef")
    return codec.encode(pb.WorkflowResponse(
        instance_id="instance-1", completion_token="token-1", actions=[pb.WorkflowAction(id=7, schedule_task=task)]))


def cases(count: int) -> dict[str, tuple[Callable[[], Any], Callable[[], Any]]]:
    """The rows for a history of `count` events: (C core, ours), checked to give the same answer."""
    data = history(count)
    core, ours = CoreRequest.FromString(data), codec.decode(pb.WorkflowRequest, data)
    assert core.SerializeToString() == codec.encode(ours) == data
    assert read_core(data) == read_ours(data)
    assert scan_core(data) == scan_ours(data)
    return {
        "decode": (lambda: read_core(data), lambda: read_ours(data)),
        "scan": (lambda: scan_core(data), lambda: scan_ours(data)),
        "encode": (core.SerializeToString, lambda: codec.encode(ours)),
    }


def measure(function: Callable[[], Any], loops: int) -> float:
    """Seconds of processor time per call."""
    gc.collect()
    begin = time.process_time()
    for _ in range(loops):
        function()
    return (time.process_time() - begin) / loops


def compare(
    core: Callable[[], Any], ours: Callable[[], Any], repetitions: int, budget: float
) -> tuple[float, float, float]:
    """Medians: seconds per call of the C core and of ours, and the ratio."""
    loops = max(1, int(budget / max(measure(ours, 1), measure(ours, 1), 1e-7)))
    core_loops = max(1, int(budget / max(measure(core, 3), 1e-7)))
    rows = []
    for turn in range(repetitions):
        if turn % 2:
            b = measure(ours, loops)
            a = measure(core, core_loops)
        else:
            a = measure(core, core_loops)
            b = measure(ours, loops)
        rows.append((a, b, b / a))
    a, b, ratio = (statistics.median(column) for column in zip(*rows, strict=True))
    return a, b, ratio


def main() -> int:
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--quick", action="store_true", help="5 short repetitions instead of 9")
    parser.add_argument("--json", type=Path, help="also write the figures to this file")
    options = parser.parse_args()
    if api_implementation.Type() != "upb":
        sys.exit(f"google protobuf runs its {api_implementation.Type()} implementation: compare with upb, its C core")
    repetitions, budget = (5, 0.05) if options.quick else (9, 0.2)
    rows = []
    titles = f"{'':8}{'events':>8}{'C core us':>12}{'ours us':>12}{'ratio':>8}{'target':>8}"
    print(titles + "   (per event; the action per call)")
    for count in (10, 100, 1_000, 10_000):
        for name, (core, ours) in cases(count).items():
            a, b, ratio = compare(core, ours, repetitions, budget)
            rows.append((name, count, a / count, b / count, ratio))
            report(rows[-1])
    assert action_core() == action_ours()
    rows.append(("action", 1, *compare(action_core, action_ours, repetitions, budget)))
    report(rows[-1])
    failed = [row for row in rows if row[4] > TARGETS.get(row[:2], float("inf"))]
    if options.json:
        keys = ("name", "events", "core_seconds", "ours_seconds", "ratio")
        options.json.write_text(json.dumps([dict(zip(keys, row, strict=True)) for row in rows], indent=1) + "\n")
    print("FAIL: " + ", ".join(f"{name} at {count}" for name, count, *_ in failed) if failed else "PASS")
    return 1 if failed else 0


def report(row: tuple[str, int, float, float, float]) -> None:
    name, count, a, b, ratio = row
    target = TARGETS.get((name, count))
    verdict = "" if target is None else "PASS" if ratio <= target else "FAIL"
    print(f"{name:8}{count:8}{a * 1e6:12.3f}{b * 1e6:12.3f}{ratio:8.2f}{target or '':>8}   {verdict}", flush=True)


if __name__ == "__main__":
    raise SystemExit(main())
