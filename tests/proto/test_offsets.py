"""split, scan, pieces and splice: what can be had from bytes without making messages agrees with the messages."""

from __future__ import annotations

import random
from contextlib import suppress
from typing import Any

import betterproto
import pytest
import trio_durable_proto as pb
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from trio_durable_proto import codec

MANY = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))
STAMP = pb.Timestamp(1_790_000_000, 123_456_789)
FIRE_AT = pb.Timestamp(253402300799, 999_999_999)
KINDS = {
    name: pb.HistoryEvent._betterproto.meta_by_field_name[name].number
    for name, group in pb.HistoryEvent._betterproto.oneof_group_by_field.items()
}


def ns(message: Any, name: str) -> int:
    stamp = getattr(message, name)
    return int(stamp.seconds * 1_000_000_000 + stamp.nanos)


def expected(event: pb.HistoryEvent, data: bytes) -> tuple[Any, ...]:
    """What the table in `_scan` promises, from the decoded event."""
    name, content = betterproto.which_one_of(event, "eventType")
    kind = KINDS.get(name, 0)
    failure = None
    if kind in (8, 11) and betterproto.serialized_on_wire(content.failure_details):
        failure = content.failure_details
    rest: tuple[Any, ...]
    if kind in (3, 17):
        rest = content.name, content.input
    elif kind == 6:
        rest = content.name, content.task_execution_id
    elif kind in (7, 10):
        rest = content.task_scheduled_id, content.result
    elif kind in (8, 11):
        rest = content.task_scheduled_id, failure
    elif kind == 9:
        rest = content.name, content.instance_id
    elif kind == 12:
        origin, value = betterproto.which_one_of(content, "origin")
        number, attribute = {
            "create_timer": (4, ""), "external_event": (5, "name"), "activity_retry": (6, "task_execution_id"),
            "child_workflow_retry": (7, "instance_id"), "": (0, ""),
        }[origin]  # fmt: skip
        rest = ns(content, "fire_at"), (number, getattr(value, attribute) if attribute else "") if number else None
    elif kind == 13:
        rest = content.timer_id, ns(content, "fire_at")
    elif kind == 14:
        rest = ns(event, "timestamp"), content.version
    else:
        return kind, event.event_id
    return kind, event.event_id, *rest


def check_scan(data: bytes) -> None:
    """A scan of one event is what `expected` says, or the event is refused by both."""
    padded = b"\x08\x07" + data + b"\x12\x00\xff\xff"  # what stands around an event must not matter
    span = (2, 2 + len(data))
    try:
        event = codec.decode(pb.HistoryEvent, data)
    except codec.DecodeError:
        with suppress(codec.DecodeError):  # what a scan passes over it does not check
            codec.scan(padded, [span])
        return
    (found,) = codec.scan(padded, [span])
    wanted = expected(event, data)
    assert found[: len(wanted)] == wanted
    if len(wanted) == 2 and wanted[0] and len(codec.pieces(data, wanted[0])) == 1:
        content = betterproto.which_one_of(event, "eventType")[1]
        assert codec.decode_at(type(content), padded, found[2], found[3]) == content


EVENTS = [
    pb.HistoryEvent(event_id=-1, timestamp=STAMP, workflow_started=pb.WorkflowStartedEvent()),
    pb.HistoryEvent(event_id=-1, timestamp=STAMP,
                    workflow_started=pb.WorkflowStartedEvent(version=pb.WorkflowVersion(["p"], "v"))),
    pb.HistoryEvent(event_id=-1, timestamp=STAMP, execution_started=pb.ExecutionStartedEvent("n", input="1")),
    pb.HistoryEvent(event_id=0, timestamp=STAMP, task_scheduled=pb.TaskScheduledEvent("n", "v", "i" * 200)),
    pb.HistoryEvent(event_id=300, timestamp=STAMP, task_scheduled=pb.TaskScheduledEvent(
        "n", input="1", task_execution_id="x", history_propagation_scope=pb.HistoryPropagationScope.LINEAGE)),
    pb.HistoryEvent(event_id=-1, timestamp=STAMP, task_completed=pb.TaskCompletedEvent(300, "r" * 127, "x")),
    pb.HistoryEvent(event_id=-1, timestamp=STAMP, task_completed=pb.TaskCompletedEvent(0, "r" * 300, "x" * 200)),
    pb.HistoryEvent(event_id=-1, timestamp=STAMP, task_completed=pb.TaskCompletedEvent(20000)),
    pb.HistoryEvent(event_id=-1, timestamp=STAMP, task_failed=pb.TaskFailedEvent(1, pb.TaskFailureDetails("E", "m"))),
    pb.HistoryEvent(event_id=2, child_workflow_instance_created=pb.ChildWorkflowInstanceCreatedEvent("i", "n")),
    pb.HistoryEvent(event_id=-1, child_workflow_instance_completed=pb.ChildWorkflowInstanceCompletedEvent(2, "null")),
    pb.HistoryEvent(event_id=-1, child_workflow_instance_failed=pb.ChildWorkflowInstanceFailedEvent(2)),
    pb.HistoryEvent(event_id=3, timestamp=STAMP, timer_created=pb.TimerCreatedEvent(FIRE_AT, "n")),
    pb.HistoryEvent(event_id=3, timestamp=STAMP, timer_created=pb.TimerCreatedEvent(
        FIRE_AT, create_timer=pb.TimerOriginCreateTimer())),
    pb.HistoryEvent(event_id=3, timestamp=STAMP, timer_created=pb.TimerCreatedEvent(
        FIRE_AT, "a", external_event=pb.TimerOriginExternalEvent("a"))),
    pb.HistoryEvent(event_id=3, timestamp=STAMP, timer_created=pb.TimerCreatedEvent(
        FIRE_AT, "a", activity_retry=pb.TimerOriginActivityRetry(""))),
    pb.HistoryEvent(event_id=-1, timestamp=STAMP, timer_fired=pb.TimerFiredEvent(FIRE_AT, 3)),
    pb.HistoryEvent(event_id=-1, timestamp=STAMP, event_raised=pb.EventRaisedEvent("Go", "r" * 300),
                    router=pb.TaskRouter("a")),
    pb.HistoryEvent(event_id=-1, timestamp=STAMP, event_raised=pb.EventRaisedEvent("é")),
    pb.HistoryEvent(event_id=-1, timestamp=STAMP, execution_suspended=pb.ExecutionSuspendedEvent("why")),
    pb.HistoryEvent(event_id=5, timestamp=STAMP,
                    detached_workflow_instance_created=pb.DetachedWorkflowInstanceCreatedEvent("i")),
    pb.HistoryEvent(),
]  # fmt: skip


@pytest.mark.parametrize("event", EVENTS, ids=lambda event: betterproto.which_one_of(event, "eventType")[0] or "none")
def test_scan_of_each_kind(event: pb.HistoryEvent) -> None:
    whole = codec.encode(event)
    check_scan(whole)
    for stop in range(len(whole)):
        check_scan(whole[:stop])
    rng = random.Random(1)
    for _ in range(400):
        mutant = bytearray(whole)
        for _ in range(rng.randrange(1, 3)):
            at = rng.randrange(len(mutant) + 1)
            mutant[at : at + rng.randrange(2)] = rng.randbytes(rng.randrange(2))
        check_scan(bytes(mutant))
        check_scan(whole + bytes(mutant))


@MANY
@given(data=st.data())
def test_scan_of_any_event(reference, data: st.DataObject) -> None:
    check_scan(data.draw(reference.messages("HistoryEvent")).SerializeToString())


@MANY
@given(data=st.data())
def test_split_and_splice_are_inverse(reference, data: st.DataObject) -> None:
    theirs = data.draw(reference.messages("WorkflowRequest"))
    whole = theirs.SerializeToString(deterministic=True)
    parts = codec.split(b"--" + whole + b"--", 2, 2 + len(whole))
    past = [(b"--" + whole)[i:j] for i, j in parts.past]
    new = [(b"--" + whole)[i:j] for i, j in parts.new]
    assert past == [event.SerializeToString(deterministic=True) for event in theirs.pastEvents]
    assert new == [event.SerializeToString(deterministic=True) for event in theirs.newEvents]
    assert past == codec.pieces(whole, 3)
    assert codec.splice_workflow_request(parts.head, past, new) == whole
    head = codec.decode(pb.WorkflowRequest, parts.head)
    assert (head.instance_id, head.past_events, head.new_events) == (theirs.instanceId, [], [])
    item = codec.splice_work_item(1, whole, "token")
    request = codec.decode(pb.WorkflowRequest, whole)
    assert item == codec.encode(pb.WorkItem(workflow_request=request, completion_token="token"))
    found = codec.split_work_item(item)
    assert (found.kind, found.data[found.start : found.stop], found.completion_token) == (1, whole, "token")


@settings(max_examples=300, deadline=None)
@given(data=st.binary(max_size=30))
@example(data=b"\x1a\x05a")
@example(data=b"\x9a\x00\x01a")
def test_split_refuses_or_agrees(data: bytes) -> None:
    try:
        request = codec.decode(pb.WorkflowRequest, data)
    except codec.DecodeError:
        request = None
    try:
        parts = codec.split(data)
    except codec.DecodeError:
        assert request is None
        return
    if request is not None:
        assert (len(parts.past), len(parts.new)) == (len(request.past_events), len(request.new_events))


def test_pieces_of_a_response_and_a_spliced_history() -> None:
    actions = [pb.WorkflowAction(id=n, schedule_task=pb.ScheduleTaskAction(name=str(n))) for n in range(3)]
    response = codec.encode(pb.WorkflowResponse(instance_id="i", actions=actions, completion_token="t"))
    assert [codec.decode(pb.WorkflowAction, piece) for piece in codec.pieces(response, 2)] == actions
    events = [codec.encode(event) for event in EVENTS]
    spliced = codec.splice(pb.GetInstanceHistoryResponse(), 1, events)
    assert spliced == codec.encode(pb.GetInstanceHistoryResponse(events=EVENTS))
    assert codec.pieces(spliced, 1) == events
    with pytest.raises(codec.DecodeError):
        codec.pieces(spliced[:-1], 1)


def test_a_work_item_in_pieces_is_merged() -> None:
    first = codec.encode(pb.WorkItem(activity_request=pb.ActivityRequest(name="a")))
    second = codec.encode(pb.WorkItem(activity_request=pb.ActivityRequest(task_id=3), completion_token="t"))
    parts = codec.split_work_item(first + second)
    request = codec.decode_at(pb.ActivityRequest, parts.data, parts.start, parts.stop)
    assert (parts.kind, request.name, request.task_id, parts.completion_token) == (2, "a", 3, "t")
    assert codec.split_work_item(codec.encode(pb.WorkItem(health_ping=pb.HealthPing()))).kind == 6
    assert codec.split_work_item(b"").kind == 0
    with pytest.raises(codec.DecodeError, match="completionToken"):
        codec.split_work_item(b"\x52\x01\xff")
