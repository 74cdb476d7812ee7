"""Single rules of the wire format, each shown on one small example; the C core is asked as well."""

from __future__ import annotations

import pytest
import trio_durable_proto as pb
from trio_durable_proto import codec

UNKNOWN = [b"\x78\x05", b"\xa2\x06\x03abc", b"\xad\x06abcd", b"\xa1\x06abcdefgh", b"\x7b\x08\x01\x7b\x7c\x7c"]


@pytest.mark.parametrize("extra", UNKNOWN, ids=["varint", "sized", "fixed32", "fixed64", "groups"])
def test_unknown_fields_are_kept(reference, extra: bytes) -> None:
    instance = extra + b"\x0a\x01i" + extra
    event = b"\x08\x01" + b"\x1a" + bytes([len(instance) + 2]) + b"\x22" + bytes([len(instance)]) + instance + extra
    decoded = codec.decode(pb.HistoryEvent, event)
    assert decoded.execution_started.workflow_instance.instance_id == "i"
    theirs = reference.classes["HistoryEvent"].FromString(event)
    assert codec.encode(decoded) == theirs.SerializeToString(deterministic=True)
    assert codec.encode(decoded).count(extra) == 3


def test_unknown_fields_of_a_wrapper_and_of_a_timestamp_are_kept(reference) -> None:
    data = b"\x12\x05\x0a\x01a\x78\x05"
    ours = codec.decode(pb.WorkflowInstance, data)
    assert ours.execution_id == "a"
    cls = reference.classes["WorkflowInstance"]
    assert cls.FromString(codec.encode(ours)) == cls.FromString(data)
    ours.execution_id = "b"
    assert cls.FromString(codec.encode(ours)).SerializeToString() == b"\x12\x05\x0a\x01b\x78\x05"
    stamp = codec.decode(pb.TimerFiredEvent, b"\x0a\x04\x08\x01\x78\x05")
    assert codec.encode(stamp) == b"\x0a\x04\x08\x01\x78\x05"


def test_a_known_field_with_another_wire_type_is_unknown() -> None:
    decoded = codec.decode(pb.WorkflowInstance, b"\x08\x05\x12\x00")
    assert decoded.instance_id == ""
    assert decoded.execution_id == ""
    assert codec.encode(decoded) == b"\x12\x00\x08\x05"


def test_of_a_oneof_the_last_member_wins_and_pieces_of_one_member_are_merged() -> None:
    both = codec.decode(pb.PurgeInstancesRequest, b"\x0a\x01a\x12\x00\x0a\x01b")
    assert both.instance_id == "b"
    assert codec.encode(both) == b"\x0a\x01b"
    merged = codec.decode(pb.PurgeInstancesRequest, b"\x12\x02\x0a\x00\x12\x02\x12\x00")
    assert codec.encode(merged) == b"\x12\x04\x0a\x00\x12\x00"
    anew = codec.decode(pb.PurgeInstancesRequest, b"\x12\x02\x0a\x00\x0a\x00\x12\x02\x12\x00")
    assert codec.encode(anew) == b"\x12\x02\x12\x00"


def test_pieces_of_a_message_are_merged_at_every_level() -> None:
    pieces = b"\x1a\x04\x22\x02\x0a\x00" b"\x1a\x07\x22\x05\x12\x03\x0a\x01x"
    event = codec.decode(pb.HistoryEvent, pieces + b"\x1a\x05\x22\x03\x0a\x01i")
    instance = event.execution_started.workflow_instance
    assert (instance.instance_id, instance.execution_id) == ("i", "x")
    assert codec.decode(pb.WorkflowInstance, b"\x12\x03\x0a\x01x\x12\x00").execution_id == "x"
    into = pb.WorkflowRequest(instance_id="i", past_events=[pb.HistoryEvent(event_id=1)])
    into.parse(codec.encode(pb.WorkflowRequest(execution_id="e", past_events=[pb.HistoryEvent(event_id=2)])))
    assert (into.instance_id, into.execution_id) == ("i", "e")
    assert [event.event_id for event in into.past_events] == [1, 2]


def test_map_entries() -> None:
    empty = codec.decode(pb.ExecutionStartedEvent, b"\x4a\x00\x4a\x05\x0a\x01a\x12\x00")
    assert empty.tags == {"": "", "a": ""}
    assert codec.decode(pb.ExecutionStartedEvent, codec.encode(empty)).tags == empty.tags
    last = codec.decode(pb.ExecutionStartedEvent, b"\x4a\x06\x0a\x01a\x12\x01x\x4a\x06\x0a\x01a\x12\x01y")
    assert last.tags == {"a": "y"}
    unknown = codec.decode(pb.ExecutionStartedEvent, b"\x4a\x05\x0a\x01a\x78\x05")
    assert unknown.tags == {}
    assert codec.encode(unknown) == b"\x4a\x05\x0a\x01a\x78\x05"


def test_packed_and_unpacked_may_be_mixed() -> None:
    data = b"\x22\x02\x02\x03" b"\x20\x63" b"\x22\x00" b"\x22\x0a\xfb" + b"\xff" * 8 + b"\x01"
    request = codec.decode(pb.GetWorkItemsRequest, data)
    assert [int(value) for value in request.capabilities] == [2, 3, 99, -5]
    assert codec.encode(request)[:2] == b"\x22\x0d"


def test_numbers_are_cut_to_their_width() -> None:
    assert codec.decode(pb.TimerFiredEvent, b"\x10\xff\xff\xff\xff\x7f").timer_id == -1
    assert codec.decode(pb.RerunWorkflowFromEventRequest, b"\x10" + b"\xff" * 9 + b"\x01").event_id == 2**32 - 1
    assert codec.decode(pb.ExecutionTerminatedEvent, b"\x10\x80\x80\x80\x80\x80\x80\x01").recurse is True
    assert codec.decode(pb.TimerFiredEvent, b"\x10" + b"\xff" * 9 + b"\x01").timer_id == -1


def test_optional_fields_tell_absent_from_zero() -> None:
    for data, expected in ((b"", None), (b"\x20\x00", False), (b"\x20\x01", True)):
        request = codec.decode(pb.PurgeInstancesRequest, data)
        assert request.force is expected
        assert codec.encode(request) == data
    assert codec.encode(pb.TimerCreatedEvent(name="")) == b"\x12\x00"
    assert codec.encode(pb.TaskCompletedEvent(result="")) == b"\x12\x00"
    assert codec.decode(pb.TaskCompletedEvent, b"").result is None


def test_any_buffer_is_read() -> None:
    data = codec.encode(pb.WorkflowInstance("i"))
    for buffer in (bytearray(data), memoryview(data)):
        assert codec.decode(pb.WorkflowInstance, buffer) == pb.WorkflowInstance("i")  # type: ignore[arg-type]
    assert codec.decode_at(pb.WorkflowInstance, b"xx" + data + b"yy", 2, 2 + len(data)) == pb.WorkflowInstance("i")
    with pytest.raises(codec.DecodeError):
        codec.decode_at(pb.WorkflowInstance, data + b"yy", 0, len(data) - 1)
