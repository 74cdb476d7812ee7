"""Spliced work items are the bytes that encoding whole messages gives."""

from __future__ import annotations

import trio_durable_proto as pb
from hypothesis import given, settings
from hypothesis import strategies as st
from trio_durable_proto import codec

from trio_durable._core import events as ev
from trio_durable._wire.events import event_from_bytes, event_to_bytes
from trio_durable._wire.requests import Activity, Turn, activity_to_pb, turn_from_pb, turn_to_pb
from trio_durable._wire.splice import (
    HEALTH_PING,
    activity_item,
    events_in,
    frame_past,
    history_response,
    split_past,
    turn_item,
)

EVENTS = st.builds(
    ev.EventRaised, st.integers(-1, 9), st.integers(0, 10**19), st.text(max_size=300), st.none() | st.text(max_size=4)
)
LISTS = st.lists(EVENTS, max_size=5)
CACHED = st.none() | st.integers(0, 300)


@settings(max_examples=100, deadline=None)
@given(st.text(max_size=200), st.none() | st.text(max_size=3), LISTS, LISTS, st.text(max_size=3), CACHED)
def test_turns(instance_id, execution_id, past, new, token, cached):
    turn = Turn(instance_id, execution_id, past, new, cached)
    whole = codec.encode(pb.WorkItem(workflow_request=turn_to_pb(turn), completion_token=token))
    framed = [frame_past(event_to_bytes(event)) for event in past]
    item = turn_item(instance_id, execution_id, framed, map(event_to_bytes, new), token, cached=cached)
    decoded = codec.decode(pb.WorkItem, item)
    assert turn_from_pb(decoded.workflow_request) == turn
    assert decoded.completion_token == token
    if instance_id:  # splicing writes an empty id, which encoders leave out
        assert item == whole
    joined = b"".join(framed)
    assert turn_item(instance_id, execution_id, [joined], map(event_to_bytes, new), token, cached=cached) == item
    assert [event_from_bytes(event) for event in split_past(joined)] == past
    assert events_in([joined, joined]) == past + past
    response = codec.decode(pb.GetInstanceHistoryResponse, history_response([joined, *framed]))
    assert len(response.events) == 2 * len(past)
    assert codec.encode(pb.GetInstanceHistoryResponse(events=response.events)) == history_response([joined, joined])


def test_activities():
    activity = Activity("i", 5, "act", "0", "v", "t", "x")
    whole = pb.WorkItem(activity_request=activity_to_pb(activity), completion_token="tok")
    assert activity_item(activity, "tok") == codec.encode(whole)


def test_health_pings():
    assert codec.decode(pb.WorkItem, HEALTH_PING).health_ping == pb.HealthPing()
