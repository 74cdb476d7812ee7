"""Every message type against google protobuf's C core: the same bytes, the same values."""

from __future__ import annotations

from typing import Any

import betterproto
import pytest
import trio_durable_proto as pb
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from trio_durable_proto import codec

QUICK = settings(max_examples=25, deadline=None, suppress_health_check=list(HealthCheck))
THOROUGH = settings(max_examples=150, deadline=None, suppress_health_check=list(HealthCheck))


def as_ours(message: Any) -> Any:
    """Our message with the values of a google message, built through constructors alone."""
    descriptor = message.DESCRIPTOR
    cls = {name.lower(): value for name, value in vars(pb).items()}[descriptor.name.lower()]
    values: dict[str, Any] = {}
    for field, value in message.ListFields():
        name = cls._betterproto.field_name_by_number[field.number]
        kind = field.message_type
        if kind is not None and kind.GetOptions().map_entry:
            values[name] = dict(value)
        elif kind is not None and kind.full_name.startswith("google.protobuf.") and kind.name.endswith("Value"):
            values[name] = value.value
        elif kind is not None and not hasattr(value, "ListFields"):
            values[name] = [as_ours(item) for item in value]
        elif kind is not None:
            values[name] = as_ours(value)
        elif field.enum_type is not None and not isinstance(value, int):
            enum = cls._betterproto.cls_by_field[name]
            values[name] = [enum.try_value(item) for item in value]
        elif field.enum_type is not None:
            values[name] = cls._betterproto.cls_by_field[name].try_value(value)
        else:
            values[name] = value if isinstance(value, str | bytes | int) else list(value)
    return cls(**values)


def check(reference: Any, name: str, theirs: Any) -> None:
    data = theirs.SerializeToString(deterministic=True)
    decoded = codec.decode(getattr(pb, name), data)
    assert codec.encode(decoded) == data
    built = as_ours(theirs)
    assert codec.encode(built) == data
    assert decoded == built
    assert repr(decoded)
    assert reference.classes[name].FromString(bytes(built)) == theirs


@QUICK
@given(data=st.data())
def test_same_bytes_and_values(reference, message_name: str, data: st.DataObject) -> None:
    check(reference, message_name, data.draw(reference.messages(message_name)))


@pytest.mark.parametrize("name", ["HistoryEvent", "WorkItem", "WorkflowResponse"])
@THOROUGH
@given(data=st.data())
def test_the_messages_of_a_turn(reference, name: str, data: st.DataObject) -> None:
    check(reference, name, data.draw(reference.messages(name)))


@THOROUGH
@given(data=st.data())
def test_the_time_between_two_messages_does_not_matter(reference, data: st.DataObject) -> None:
    """What one decoder read, the other may write, and the first read again: nothing moves."""
    theirs = data.draw(reference.messages("HistoryEvent"))
    once = codec.encode(codec.decode(pb.HistoryEvent, theirs.SerializeToString()))
    again = reference.classes["HistoryEvent"].FromString(once).SerializeToString(deterministic=True)
    assert codec.encode(codec.decode(pb.HistoryEvent, again)) == once == again


@pytest.mark.parametrize(
    ("seconds", "nanos"),
    [(253402300799, 999_999_999), (0, 0), (0, 1), (1_790_000_000, 0), (1_790_000_000, 1), (-1, 0), (-62135596800, 0),
     (2**63 - 1, 2**31 - 1), (-(2**63), -(2**31)), (2**28, 2**28), (2**28 - 1, 2**28 - 1), (2**35, 2**21),
     (2**35 - 1, 5)],
)  # fmt: skip
def test_timestamps_byte_for_byte(reference, seconds: int, nanos: int) -> None:
    theirs = reference.classes["HistoryEvent"](eventId=3)
    theirs.timestamp.seconds, theirs.timestamp.nanos = seconds, nanos
    data = theirs.SerializeToString(deterministic=True)
    event = codec.decode(pb.HistoryEvent, data)
    assert (event.timestamp.seconds, event.timestamp.nanos) == (seconds, nanos)
    assert codec.encode(event) == data
    assert codec.encode(pb.HistoryEvent(event_id=3, timestamp=pb.Timestamp(seconds, nanos))) == data


def test_a_timestamp_at_the_epoch_stays_present(reference) -> None:
    theirs = reference.classes["TimerFiredEvent"](timerId=1)
    theirs.fireAt.SetInParent()
    fired = codec.decode(pb.TimerFiredEvent, theirs.SerializeToString())
    assert codec.encode(fired) == theirs.SerializeToString()
    assert betterproto.serialized_on_wire(fired.fire_at)
    absent = codec.decode(pb.TimerFiredEvent, b"\x10\x01")
    assert absent.fire_at.seconds == 0
    assert not betterproto.serialized_on_wire(absent.fire_at)
    assert codec.encode(absent) == b"\x10\x01"


def test_unknown_enum_values_are_kept() -> None:
    for number in (99, -5, 2**31 - 1, -(2**31)):
        action = pb.CompleteWorkflowAction(workflow_status=pb.OrchestrationStatus.try_value(number))
        again = codec.decode(pb.CompleteWorkflowAction, codec.encode(action))
        assert int(again.workflow_status) == number
        assert isinstance(again.workflow_status, pb.OrchestrationStatus)
        assert codec.encode(again) == codec.encode(action)
