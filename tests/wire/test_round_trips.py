"""Everything that can be said in _core's words survives the wire, byte for byte and value for value."""

from __future__ import annotations

import dataclasses

import pytest
import trio_durable_proto as pb
from hypothesis import given, settings
from hypothesis import strategies as st
from trio_durable_proto import codec

from trio_durable._core import actions as ac
from trio_durable._core import events as ev
from trio_durable._core.clock import FOREVER
from trio_durable._core.events import Status
from trio_durable._core.failures import MAX_CAUSES, FailureDetails
from trio_durable._wire import requests, states
from trio_durable._wire.actions import action_from_pb, action_to_pb
from trio_durable._wire.events import event_from_bytes, event_from_pb, event_to_bytes, event_to_pb
from trio_durable._wire.failures import failure_from_pb, failure_to_pb
from trio_durable._wire.times import optional_time, time_from_pb, time_to_pb

TEXT = st.text(max_size=8)
MAYBE = st.none() | TEXT  # absent and empty are two things
IDS = st.integers(-(2**31), 2**31 - 1)
TIMES = st.integers(-(10**18), 4 * 10**18) | st.sampled_from([0, 1, -1, FOREVER, 999_999_999])
TAGS = st.dictionaries(TEXT, TEXT, max_size=2)
SCOPES = st.none() | st.integers(0, 2)
STATUSES = st.sampled_from(Status)

FAILURES = st.recursive(
    st.builds(FailureDetails, TEXT, TEXT, MAYBE, st.none(), st.booleans()),
    lambda inner: st.builds(FailureDetails, TEXT, TEXT, MAYBE, inner, st.booleans()),
    max_leaves=5,
)
ROUTERS = st.none() | st.builds(ev.Router, TEXT, MAYBE, MAYBE)
TRACES = st.none() | st.builds(ev.TraceContext, TEXT, TEXT, MAYBE).filter(lambda trace: trace != ev.TraceContext())
PARENTS = st.none() | st.builds(
    ev.ParentInstance, IDS, TEXT.filter(bool), MAYBE, MAYBE, MAYBE, MAYBE, MAYBE
)
ORIGINS = st.none() | st.builds(ev.TimerOrigin, st.sampled_from(ev.TimerOriginKind), TEXT).map(
    lambda origin: ev.TimerOrigin(origin.kind) if origin.kind is ev.TimerOriginKind.CREATE_TIMER else origin
)

# Which strategy a field takes, by its name and then by its annotation.
BY_NAME = {
    "id": IDS,
    "event_id": IDS,
    "task_scheduled_id": IDS,
    "timer_id": IDS,
    "task_id": IDS,
    "timestamp": TIMES,
    "fire_at": TIMES,
    "created_at": TIMES,
    "last_updated_at": TIMES,
    "scheduled_start": st.none() | TIMES,
    "started_at": st.none() | TIMES,
    "completed_at": st.none() | TIMES,
    "reason": st.integers(0, 2),
    "history_scope": SCOPES,
    "cached": st.none() | st.integers(0, 2**31 - 1),
    "propagated": st.just(()),  # read only: nothing here hands histories down
}
BY_TYPE = {
    "str": TEXT,
    "str | None": MAYBE,
    "bool": st.booleans(),
    "Status": STATUSES,
    "FailureDetails | None": st.none() | FAILURES,
    "Router | None": ROUTERS,
    "TraceContext | None": TRACES,
    "ParentInstance | None": PARENTS,
    "TimerOrigin | None": ORIGINS,
    "dict[str, str]": TAGS,
    "tuple[str, ...]": st.lists(TEXT, max_size=2).map(tuple),
}


def build(cls, **special):
    """A strategy for a dataclass, from its fields; a field that nobody knows is an error, so none is forgotten."""
    fields = {}
    for field in dataclasses.fields(cls):
        if field.name in special:
            fields[field.name] = special[field.name]
        else:
            fields[field.name] = BY_TYPE[field.type] if field.type in BY_TYPE else BY_NAME[field.name]
    return st.builds(cls, **fields)


EVENT_CLASSES = [getattr(ev, name) for name in ev.__all__ if isinstance(getattr(ev, name), type)]
EVENT_CLASSES = [
    cls for cls in EVENT_CLASSES if issubclass(cls, ev.Event) and cls not in (ev.Event, ev.UnknownEvent)
]
EVENTS = {cls.__name__: build(cls) for cls in EVENT_CLASSES}
ANY_EVENT = st.one_of(*EVENTS.values())

ACTION_CLASSES = [
    cls
    for cls in map(ac.__dict__.get, ac.__all__)
    if issubclass(cls, ac.Action) and cls not in (ac.Action, ac.UnknownAction)
]
ACTIONS = {cls.__name__: build(cls, carryover=st.lists(ANY_EVENT, max_size=2)) for cls in ACTION_CLASSES}
ANY_ACTION = st.one_of(*ACTIONS.values())


def over_the_wire(message):
    return codec.decode(type(message), codec.encode(message))


@pytest.mark.parametrize("name", EVENTS)
def test_events(name):
    @settings(max_examples=60, deadline=None)
    @given(EVENTS[name])
    def check(event):
        message = event_to_pb(event)
        assert event_from_pb(over_the_wire(message)) == event
        data = event_to_bytes(event)
        assert event_from_bytes(data) == event
        assert event_to_bytes(event_from_bytes(data)) == data

    check()


@pytest.mark.parametrize("name", ACTIONS)
def test_actions(name):
    @settings(max_examples=60, deadline=None)
    @given(ACTIONS[name])
    def check(action):
        assert action_from_pb(over_the_wire(action_to_pb(action))) == action

    check()


@settings(max_examples=60, deadline=None)
@given(build(requests.Turn, past=st.lists(ANY_EVENT, max_size=3), new=st.lists(ANY_EVENT, max_size=3)))
def test_turns(turn):
    assert requests.turn_from_pb(over_the_wire(requests.turn_to_pb(turn))) == turn
    item = over_the_wire(pb.WorkItem(workflow_request=requests.turn_to_pb(turn), completion_token="t"))
    assert requests.work_from_pb(item) == turn


RESULTS = build(requests.TurnResult, actions=st.lists(ANY_ACTION, max_size=3))


@settings(max_examples=60, deadline=None)
@given(RESULTS)
def test_turn_results(result):
    assert requests.turn_result_from_pb(over_the_wire(requests.turn_result_to_pb(result))) == result


@settings(max_examples=60, deadline=None)
@given(build(requests.Activity))
def test_activities(activity):
    assert requests.activity_from_pb(over_the_wire(requests.activity_to_pb(activity))) == activity


@settings(max_examples=60, deadline=None)
@given(build(requests.ActivityResult))
def test_activity_results(result):
    assert requests.activity_result_from_pb(over_the_wire(requests.activity_result_to_pb(result))) == result


@settings(max_examples=60, deadline=None)
@given(build(states.InstanceState))
def test_states(state):
    assert states.state_from_pb(over_the_wire(states.state_to_pb(state))) == state
    bare = states.state_from_pb(over_the_wire(states.state_to_pb(state, payloads=False)))
    assert bare == dataclasses.replace(state, input=None, output=None, custom_status=None, failure=None)
    response = pb.GetInstanceResponse(exists=True, workflow_state=states.state_to_pb(state))
    assert states.state_from_response(over_the_wire(response)) == state
    assert states.state_from_response(over_the_wire(pb.GetInstanceResponse(exists=False))) is None


@settings(max_examples=60, deadline=None)
@given(build(states.CreateInstance))
def test_requests_for_instances(create):
    assert states.create_from_pb(over_the_wire(states.create_to_pb(create))) == create


@given(TIMES)
def test_times(ns):
    message = time_to_pb(ns)
    assert 0 <= message.nanos < 10**9
    assert time_from_pb(over_the_wire(message)) == ns
    event = over_the_wire(pb.TimerFiredEvent(fire_at=message))
    assert optional_time(event.fire_at) == ns  # the epoch, too, is a time and not its absence
    assert optional_time(over_the_wire(pb.TimerFiredEvent()).fire_at) is None


def test_the_end_of_time_is_exact():
    message = time_to_pb(FOREVER)
    assert (message.seconds, message.nanos) == (253402300799, 999999999)


def test_absent_failures_stay_absent_and_empty_ones_empty():
    assert event_from_bytes(event_to_bytes(ev.ChildFailed(-1, 0, 1))).failure is None
    assert event_from_bytes(event_to_bytes(ev.ChildFailed(-1, 0, 1, FailureDetails("", "")))).failure == (
        FailureDetails("", "")
    )
    assert failure_from_pb(None) is None


def test_a_bottomless_chain_of_causes_is_cut():
    failure = None
    for number in range(60):
        failure = FailureDetails("E", str(number), inner=failure)
    read = failure_from_pb(over_the_wire(failure_to_pb(failure)))
    links = 0
    while read is not None:
        links += 1
        read = read.inner
    assert links == MAX_CAUSES


def test_kinds_that_this_version_does_not_know_are_named():
    event = event_from_pb(codec.decode(pb.HistoryEvent, b"\x08\x07\xda\x01\x00"))  # field 27
    assert isinstance(event, ev.UnknownEvent)
    assert event.event_id == 7
    action = action_from_pb(codec.decode(pb.WorkflowAction, b"\x08\x07\x42\x00"))  # field 8
    assert isinstance(action, ac.UnknownAction)
    assert requests.work_from_pb(codec.decode(pb.WorkItem, b"\x1a\x00")) is None
    with pytest.raises(TypeError, match="UnknownEvent has no message"):
        event_to_pb(event)
    with pytest.raises(TypeError, match="UnknownAction has no message"):
        action_to_pb(action)


def test_a_status_that_nobody_defined_is_an_error():
    message = pb.WorkflowAction(id=1, complete_workflow=pb.CompleteWorkflowAction(workflow_status=42))
    with pytest.raises(ValueError, match="42"):
        action_from_pb(over_the_wire(message))
