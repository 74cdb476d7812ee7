"""Lazily read work items say what fully decoded ones say, as far as a replay can tell."""

from __future__ import annotations

import dataclasses

import pytest
import trio_durable_proto as pb
from hypothesis import given
from hypothesis import strategies as st
from trio_durable_proto import codec

from trio_durable._core import clock
from trio_durable._core import events as ev
from trio_durable._wire.events import event_to_bytes, event_to_pb
from trio_durable._wire.requests import Activity, Turn, activity_from_pb
from trio_durable._wire.work import EncodedEvents, read_work_item

TEXT = st.text(max_size=20)
PAYLOAD = st.none() | TEXT
NUMBER = st.integers(1, 2**31 - 1)
TIME = st.integers(0, clock.FOREVER)
FAILURE = st.builds(ev.FailureDetails, TEXT, TEXT, PAYLOAD)
ORIGIN = st.none() | st.builds(ev.TimerOrigin, st.just(ev.TimerOriginKind.EXTERNAL_EVENT), TEXT)
EVENTS = st.one_of(
    st.builds(ev.OrchestratorStarted, st.just(-1), TIME, PAYLOAD, st.lists(TEXT, max_size=2).map(tuple)),
    st.builds(ev.ExecutionStarted, st.just(-1), TIME, TEXT, PAYLOAD, TEXT, PAYLOAD, PAYLOAD),
    st.builds(ev.TaskScheduled, NUMBER, TIME, TEXT, PAYLOAD, PAYLOAD, TEXT),
    st.builds(ev.TaskCompleted, st.just(-1), TIME, NUMBER, PAYLOAD, TEXT),
    st.builds(ev.TaskFailed, st.just(-1), TIME, NUMBER, st.none() | FAILURE),
    st.builds(ev.ChildCreated, NUMBER, TIME, TEXT, TEXT, PAYLOAD),
    st.builds(ev.ChildCompleted, st.just(-1), TIME, NUMBER, PAYLOAD),
    st.builds(ev.ChildFailed, st.just(-1), TIME, NUMBER, st.none() | FAILURE),
    st.builds(ev.TimerCreated, NUMBER, TIME, TIME, PAYLOAD, ORIGIN),
    st.builds(ev.TimerFired, st.just(-1), TIME, NUMBER, TIME),
    st.builds(ev.EventRaised, st.just(-1), TIME, TEXT, PAYLOAD),
    st.builds(ev.ExecutionTerminated, st.just(-1), TIME, PAYLOAD, st.booleans()),
    st.builds(ev.ExecutionSuspended, st.just(-1), TIME, PAYLOAD),
    st.builds(ev.ExecutionResumed, st.just(-1), TIME, PAYLOAD),
)
#: What replays look at, by kind; everything if it is not here.
NEEDED = {
    ev.TaskScheduled: ("event_id", "name", "task_execution_id"),
    ev.TaskCompleted: ("task_scheduled_id", "result"),
    ev.TaskFailed: ("task_scheduled_id", "failure"),
    ev.ChildCreated: ("event_id", "name", "instance_id"),
    ev.ChildCompleted: ("task_scheduled_id", "result"),
    ev.ChildFailed: ("task_scheduled_id", "failure"),
    ev.TimerCreated: ("event_id", "fire_at", "origin"),
    ev.TimerFired: ("timer_id", "fire_at"),
    ev.EventRaised: ("name", "input"),
}


def needed(event):
    names = NEEDED.get(type(event)) or [field.name for field in dataclasses.fields(event)]
    return type(event), [getattr(event, name) for name in names]


def encoded(events):
    pieces = [event_to_bytes(event) for event in events]
    spans, at = [], 0
    for piece in pieces:
        spans.append((at, at + len(piece)))
        at += len(piece)
    return EncodedEvents(b"".join(pieces), spans)


@given(st.lists(EVENTS, max_size=8), st.data())
def test_lazily_read_events_say_the_same(events, data):
    lazy = encoded(events)
    assert [needed(event) for event in lazy] == [needed(event) for event in events]
    assert len(lazy) == len(events)
    if events:
        index = data.draw(st.integers(-len(events), len(events) - 1))
        assert needed(lazy[index]) == needed(events[index])
        part = data.draw(st.slices(len(events)))
        assert [needed(event) for event in lazy[part]] == [needed(event) for event in events[part]]


@given(st.lists(EVENTS, max_size=4), st.lists(EVENTS, max_size=4))
def test_encoded_events_are_equal_when_their_bytes_are(one, other):
    same = [event_to_bytes(e) for e in one] == [event_to_bytes(e) for e in other]
    assert (encoded(one) == encoded(other)) is same
    assert encoded(one) == encoded(one)
    assert encoded(one).alone() == encoded(one)
    assert encoded([*other, *one])[len(other) :].alone() == encoded(one)
    assert encoded(one) != [*one]


@given(st.lists(EVENTS, max_size=4), st.lists(EVENTS, max_size=4), st.text(), st.text(), st.none() | st.text())
def test_turns(past, new, instance_id, token, execution_id):
    item = pb.WorkItem(
        workflow_request=pb.WorkflowRequest(
            instance_id=instance_id,
            execution_id=execution_id,
            past_events=[event_to_pb(event) for event in past],
            new_events=[event_to_pb(event) for event in new],
        ),
        completion_token=token,
    )
    turn, found = read_work_item(codec.encode(item))
    assert isinstance(turn, Turn)
    assert (turn.instance_id, turn.execution_id, turn.cached, found) == (instance_id, execution_id, None, token)
    assert [needed(event) for event in turn.past] == [needed(event) for event in past]
    assert [needed(event) for event in turn.new] == [needed(event) for event in new]


def test_activities_pings_and_nonsense():
    request = pb.ActivityRequest(name="a", task_id=3, workflow_instance=pb.WorkflowInstance(instance_id="i"))
    work, token = read_work_item(codec.encode(pb.WorkItem(activity_request=request, completion_token="t")))
    assert isinstance(work, Activity)
    assert (work, token) == (activity_from_pb(request), "t")
    assert read_work_item(codec.encode(pb.WorkItem(health_ping=pb.HealthPing()))) == (None, "")
    assert read_work_item(b"") == (None, "")
    with pytest.raises(codec.DecodeError):
        read_work_item(b"\x0a\xff")
