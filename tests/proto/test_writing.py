"""What the writers' short cuts must not change: lists of events, and values that are not what their fields hold."""

from __future__ import annotations

import copy
import enum
import types
from typing import Any

import pytest
import trio_durable_proto as pb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trio_durable_proto import _write, codec

EDGES = [0, 1, 127, 128, 16383, 16384, 2**21 - 1, 2**21, 2**28 - 1, 2**28, 999_999_999, 1_000_000_000, 2**31 - 1, -1]
NANOS = st.one_of(st.sampled_from(EDGES), st.integers(0, 999_999_999))
SINCE = _write.SINCE
SECONDS = st.one_of(
    st.sampled_from([0, 1, 2**28, SINCE - 1, SINCE, SINCE + 2**30 - 1, SINCE + 2**30, 2**35, -1]),
    st.integers(1_700_000_000, 1_900_000_000),
)
IDS = st.one_of(st.sampled_from([None, 0, -1, -2, 2047, 2048, 16384, 2**31 - 1, -(2**31)]), st.integers(-1, 3000))
TEXTS = st.one_of(st.none(), st.text(max_size=5), st.sampled_from([0, 50, 125, 127, 128, 4095, 4096, 16384]).map(
    lambda n: "x" * n))


@st.composite
def events(draw: st.DrawFn) -> pb.HistoryEvent:
    """Mostly of the shape that is written in one piece, with one thing or another missing or added."""
    event = pb.HistoryEvent(event_id=draw(IDS))
    if draw(st.integers(0, 5)):
        event.timestamp = pb.Timestamp(draw(SECONDS), draw(NANOS))
    text = draw(TEXTS)
    match draw(st.integers(0, 7)):
        case 0:
            event.workflow_started = pb.WorkflowStartedEvent()
        case 1:
            event.task_scheduled = pb.TaskScheduledEvent(name=text, input=draw(TEXTS), task_execution_id=draw(TEXTS))
        case 2:
            event.task_completed = pb.TaskCompletedEvent(task_scheduled_id=draw(IDS), result=text)
        case 3:
            event.timer_fired = pb.TimerFiredEvent(pb.Timestamp(draw(SECONDS), draw(NANOS)), draw(IDS))
        case 4:
            event.event_raised = pb.EventRaisedEvent(text, draw(TEXTS))
        case 5:
            event.execution_stalled = pb.ExecutionStalledEvent(description=text)
        case 6:
            event.timer_created = pb.TimerCreatedEvent(name=text, create_timer=pb.TimerOriginCreateTimer())
    if not draw(st.integers(0, 5)):
        event.router = pb.TaskRouter("a")
    if not draw(st.integers(0, 5)):
        event = codec.decode(pb.HistoryEvent, codec.encode(event) + b"\xa0\x06\x01")
    return event


@settings(max_examples=400, deadline=None, suppress_health_check=list(HealthCheck))
@given(past=st.lists(events(), max_size=4), new=st.lists(events(), max_size=2))
def test_lists_of_events(reference, past: list[pb.HistoryEvent], new: list[pb.HistoryEvent]) -> None:
    check(reference, past, new)


def check(reference: Any, past: list[pb.HistoryEvent], new: list[pb.HistoryEvent]) -> None:
    """Written in a list, an event has the bytes that it has alone; and the C core, having read it, writes that."""
    request = pb.WorkflowRequest(past_events=past, new_events=new)
    data = codec.encode(request)
    alone = [*(codec.splice(pb.WorkflowRequest(), number, [codec.encode(event) for event in events])
               for number, events in ((3, past), (4, new)))]
    assert data == b"".join(alone)
    theirs = reference.classes["WorkflowRequest"].FromString(data)
    assert theirs.SerializeToString(deterministic=True) == data
    assert codec.encode(codec.decode(pb.WorkflowRequest, data)) == data


@pytest.mark.parametrize("nanos", EDGES)
def test_times_in_a_list(reference, nanos: int) -> None:
    past = [
        pb.HistoryEvent(event_id, pb.Timestamp(seconds, nanos), workflow_started=pb.WorkflowStartedEvent())
        for seconds in (SINCE - 1, SINCE, 1_790_000_000, 1_790_000_000, SINCE + 2**30 - 1, SINCE + 2**30)
        for event_id in (-2, -1, 0, 1, 2047, 2048, None)
    ]
    check(reference, past, [])


def request(**content: Any) -> pb.WorkflowRequest:
    return pb.WorkflowRequest(past_events=[pb.HistoryEvent(1, pb.Timestamp(1_790_000_000, 500_000_000), **content)])


def test_a_change_anywhere_is_written() -> None:
    """Nothing is remembered of what a message was when it was written before."""
    message = request(task_scheduled=pb.TaskScheduledEvent("a", input="b", task_execution_id="c"))
    event = message.past_events[0]
    seen = {codec.encode(message)}
    for step in (
        lambda: setattr(event.timestamp, "nanos", 500_000_001),
        lambda: setattr(event.timestamp, "seconds", 1_790_000_001),
        lambda: setattr(event, "event_id", 2),
        lambda: setattr(event.task_scheduled, "input", "bb"),
        lambda: setattr(event.task_scheduled, "version", "1"),
        lambda: event.task_scheduled.parent_trace_context.__setattr__("trace_parent", "t"),
        lambda: setattr(event, "task_completed", pb.TaskCompletedEvent(3)),
        lambda: setattr(event, "router", pb.TaskRouter("a")),
        lambda: message.past_events.append(pb.HistoryEvent(9)),
    ):
        step()
        data = codec.encode(message)
        assert data == codec.encode(copy.deepcopy(message)) == codec.encode(codec.decode(pb.WorkflowRequest, data))
        seen.add(data)
    assert len(seen) == 10


def test_writing_changes_nothing() -> None:
    message = request(task_scheduled=pb.TaskScheduledEvent("a", input="b"))
    event = message.past_events[0]
    before = [dict(vars(each)) for each in (message, event, event.timestamp, event.task_scheduled)]
    codec.encode(message)
    assert [vars(each) for each in (message, event, event.timestamp, event.task_scheduled)] == before


class Name(str, enum.Enum):  # noqa: UP042  # a StrEnum's format is its value
    """Its format differs from its value in some Pythons."""

    CARD = "charge_card"


def test_a_str_enum_is_its_value() -> None:
    plain = request(task_scheduled=pb.TaskScheduledEvent("charge_card", input="charge_card"))
    named = request(task_scheduled=pb.TaskScheduledEvent(Name.CARD, input=Name.CARD))
    assert codec.encode(named) == codec.encode(plain)


def test_none_is_unset() -> None:
    event = pb.HistoryEvent(1, pb.Timestamp(1_790_000_000, 5), task_completed=pb.TaskCompletedEvent(1, "r"))
    for target, name in ((event.task_completed, "result"), (event.timestamp, "nanos"), (event.timestamp, "seconds"),
                         (event.task_completed, "task_scheduled_id"), (event, "event_id"), (event, "timestamp")):
        setattr(target, name, None)
        once = codec.encode(pb.WorkflowRequest(past_events=[event]))
        assert once[2:] == codec.encode(event)
    assert codec.encode(event) == b"\x3a\x00"


def wrong(field: str, value: Any) -> pb.WorkflowRequest:
    """A request with one usual event in which `field` holds `value`."""
    message = request(task_scheduled=pb.TaskScheduledEvent("a", input="b", task_execution_id="c"))
    *path, name = field.split(".")
    target: Any = message.past_events[0]
    for step in path:
        target = getattr(target, step)
    setattr(target, name, value)
    return message


@pytest.mark.parametrize("field", [
    "event_id", "timestamp", "timestamp.seconds", "timestamp.nanos", "task_scheduled.name", "task_scheduled.input",
    "task_scheduled.version", "task_scheduled.parent_trace_context", "router",
])  # fmt: skip
@pytest.mark.parametrize("value", [
    b"abc", bytearray(b"abc"), 1.5, ["x"], {"a": "b"}, object(), types.SimpleNamespace(seconds=1_790_000_000, nanos=5),
    pb.TaskFailedEvent(1),
], ids=lambda value: type(value).__name__)  # fmt: skip
def test_a_wrong_type_is_named(field: str, value: Any) -> None:
    with pytest.raises(codec.EncodeError, match=rf"WorkflowRequest\.past_events\[0\]\.{field}: expected"):
        codec.encode(wrong(field, value))


@pytest.mark.parametrize("value", [types.SimpleNamespace(), pb.TaskFailedEvent(1), None, "x", b"x", 7, object()])
def test_what_is_not_an_event_is_named(value: Any) -> None:
    with pytest.raises(codec.EncodeError, match=r"past_events\[1\]: expected HistoryEvent"):
        codec.encode(pb.WorkflowRequest(past_events=[pb.HistoryEvent(1), value]))


def test_content_of_another_type_is_named() -> None:
    message = wrong("task_scheduled", pb.TaskFailedEvent(1))
    with pytest.raises(codec.EncodeError, match=r"past_events\[0\]\.task_scheduled: expected TaskScheduledEvent"):
        codec.encode(message)
    message.past_events[0].event_id = 0  # and where the event is not of the usual shape
    message.past_events[0].router = pb.TaskRouter()
    with pytest.raises(codec.EncodeError, match=r"past_events\[0\]\.task_scheduled: expected TaskScheduledEvent"):
        codec.encode(message)


def outcome(function: Any, message: Any) -> str:
    try:
        function(message)
    except codec.EncodeError as error:
        return str(error)
    return ""


LONG = ["", "\ud800", "x" * 5000, "ä" * 5000, "x" * 5000 + "\udcff", 5]


@given(st.lists(events(), max_size=4), st.sampled_from(LONG))
def test_a_check_says_what_encode_says(found: list[pb.HistoryEvent], text: Any) -> None:
    message = pb.WorkflowRequest(instance_id="i", past_events=found)
    message.new_events = [pb.HistoryEvent(event_raised=pb.EventRaisedEvent(name="n", input=text))]
    before = copy.deepcopy(message)
    assert outcome(codec.check, message) == outcome(codec.encode, message)
    assert message == before
    if not outcome(codec.encode, message):
        assert codec.encode(message) == codec.encode(before)


def test_a_check_of_a_long_text_where_none_may_be() -> None:
    message = pb.HistoryEvent(event_id="x" * 5000)  # type: ignore[arg-type]
    with pytest.raises(codec.EncodeError):
        codec.check(message)
    assert message.event_id == "x" * 5000


def test_a_check_of_what_nests_too_deep() -> None:
    failure = pb.TaskFailureDetails(error_message="x" * 5000)
    for _ in range(3000):
        failure = pb.TaskFailureDetails(inner_failure=failure)
    with pytest.raises((codec.EncodeError, RecursionError)) as encoded:
        codec.encode(failure)
    with pytest.raises(type(encoded.value)):
        codec.check(failure)
