"""Bytes that no well-behaved peer sends: refused exactly where the C core refuses them, read as it reads the others."""

from __future__ import annotations

import random
import time
from typing import Any

import pytest
import trio_durable_proto as pb
from google.protobuf.message import DecodeError as CoreDecodeError
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from trio_durable_proto import codec

MUTANTS = settings(max_examples=40, deadline=None, suppress_health_check=list(HealthCheck))
JUNK = [
    b"\x7b\x08\x01\x7c", b"\x7b\x00\x01\x7c", b"\x7b\x7b\x7c\x7c", b"\x7b\x0c", b"\x0c", b"\x00\x01", b"\x7e", b"\x7f",
    b"\xa2\x06\x03abc", b"\xad\x06abcd", b"\xa1\x06abcdefgh", b"\x78\x05", b"\x88\x00\x05", b"\x8a\x80\x00\x01a",
    b"\x92\x00\x02\x78\x05", b"\x12\x02\x78\x05", b"\x9a\x00\x03\x0a\x01a", b"\x80" * 9 + b"\x01",
    b"\xff" * 9 + b"\x7f",
    b"\x12\x80\x00", b"\x88\x80\x80\x80\x10\x05", b"\x0a\x81\x80\x80\x80\x80\x00a", b"\x0a\x02\xc3\x28",
    b"\x0a\x03\xed\xa0\x80",
]  # fmt: skip


def verdict(reference: Any, name: str, data: bytes) -> Any:
    """The C core's message, or None where it refuses; asserts that ours agrees, in what it keeps as well."""
    cls = reference.classes[name]
    try:
        theirs = cls.FromString(data)
    except CoreDecodeError:
        with pytest.raises(codec.DecodeError):
            codec.decode(getattr(pb, name), data)
        return None
    ours = codec.encode(codec.decode(getattr(pb, name), data))
    wanted = theirs.SerializeToString(deterministic=True)
    if ours != wanted:
        # Unknown fields inside a wrapper travel beside it and are merged by whoever reads them.
        assert cls.FromString(ours).SerializeToString(deterministic=True) == wanted
    return theirs


@MUTANTS
@given(data=st.data(), seed=st.integers(0, 2**32))
def test_mutants_of_every_message(reference, message_name: str, data: st.DataObject, seed: int) -> None:
    whole = data.draw(reference.messages(message_name)).SerializeToString(deterministic=True)[:3000]
    rng = random.Random(seed)
    for _ in range(25):
        mutant = bytearray(whole)
        for _ in range(rng.randrange(1, 4)):
            at = rng.randrange(len(mutant) + 1)
            kind = rng.randrange(6)
            if kind == 0:
                del mutant[at:]
            elif kind == 1:
                mutant[at:at] = rng.choice(JUNK)
            elif kind == 2:
                mutant += rng.choice(JUNK)
            elif kind == 3:
                mutant += mutant[at:]
            elif mutant:
                at = min(at, len(mutant) - 1)
                if kind == 4:
                    mutant[at] = rng.randrange(256)
                else:
                    del mutant[at]
        verdict(reference, message_name, bytes(mutant))


@settings(max_examples=200, deadline=None)
@given(data=st.binary(max_size=40), name=st.sampled_from(["HistoryEvent", "WorkflowRequest", "CreateInstanceRequest"]))
@example(data=b"\x0a\x02\xc3\x28", name="CreateInstanceRequest")
def test_arbitrary_bytes(reference, data: bytes, name: str) -> None:
    verdict(reference, name, data)


def test_every_prefix(reference) -> None:
    details = pb.TaskFailureDetails("E", "m", "stack" * 40, pb.TaskFailureDetails("Inner"), True)
    stamp = pb.Timestamp(1_790_000_000, 999_999_999)
    events = [
        pb.HistoryEvent(event_id=-1, timestamp=stamp, workflow_started=pb.WorkflowStartedEvent()),
        pb.HistoryEvent(event_id=300, timestamp=stamp, task_scheduled=pb.TaskScheduledEvent("n", input="i" * 240)),
        pb.HistoryEvent(event_id=-1, timestamp=stamp, task_failed=pb.TaskFailedEvent(300, details)),
        pb.HistoryEvent(event_id=-1, execution_started=pb.ExecutionStartedEvent("n", tags={"k": "v", "": ""})),
        pb.HistoryEvent(event_id=-1, timestamp=stamp, event_raised=pb.EventRaisedEvent("é", "1"),
                        router=pb.TaskRouter("a", "b")),
    ]  # fmt: skip
    request = pb.WorkflowRequest("i", None, events, events)
    whole = codec.encode(pb.WorkItem(workflow_request=request, completion_token="t"))
    accepted = [stop for stop in range(len(whole) + 1) if verdict(reference, "WorkItem", whole[:stop]) is not None]
    assert 0 < len(accepted) < 10
    assert accepted[-1] == len(whole)


@pytest.mark.parametrize("junk", JUNK, ids=lambda junk: junk.hex())
def test_junk_alone_and_nested(reference, junk: bytes) -> None:
    names = "WorkflowInstance", "TaskCompletedEvent", "HistoryEvent", "Empty", "HealthPing", "ExecutionStartedEvent"
    for name in names:
        verdict(reference, name, junk)
        verdict(reference, name, junk + junk)
    verdict(reference, "HistoryEvent", b"\x3a" + bytes([len(junk)]) + junk)
    verdict(reference, "HistoryEvent", b"\x3a" + bytes([len(junk) + 2]) + b"\x12" + bytes([len(junk)]) + junk)
    verdict(reference, "ExecutionStartedEvent", b"\x4a" + bytes([len(junk)]) + junk)


def nested(levels: int, core: bytes = b"", tag: bytes = b"\x22") -> bytes:
    for _ in range(levels):
        core = tag + size(len(core)) + core
    return core


def size(n: int) -> bytes:
    return bytes([n]) if n < 128 else bytes([n & 127 | 128]) + size(n >> 7)


def test_the_depth_limit_is_the_c_cores(reference) -> None:
    """100 levels below the outermost message; wrappers, unknown groups and groups in groups count as levels."""
    for levels in range(90, 104):
        for core in (b"", b"\x1a\x00", b"\x1a\x03\x0a\x01a", b"\x7b\x7c", b"\x0a\x01a"):
            assert (verdict(reference, "TaskFailureDetails", nested(levels, core)) is None) == (
                levels + (core[:1] in (b"\x1a", b"\x7b")) > 100
            )
        assert (verdict(reference, "TaskFailureDetails", b"\x7b" * levels + b"\x7c" * levels) is None) == (levels > 100)
        failed = b"\x42" + size(len(nested(levels, tag=b"\x22")) + 4)
        verdict(reference, "HistoryEvent", failed + b"\x12" + size(len(nested(levels))) + nested(levels))
        verdict(reference, "WorkItem", b"\x7b" * levels + b"\x7c" * levels)


@pytest.mark.parametrize("bomb", [nested(50_000), b"\x7b" * 300_000, b"\x7b" * 100_000 + b"\x7c" * 100_000])
def test_depth_bombs(reference, bomb: bytes) -> None:
    assert verdict(reference, "TaskFailureDetails", bomb) is None
    assert verdict(reference, "TaskFailedEvent", b"\x12" + size(len(bomb)) + bomb) is None
    for name in ("HistoryEvent", "WorkItem", "Empty"):
        verdict(reference, name, bomb)


@pytest.mark.parametrize(
    ("cls", "piece"),
    [
        (pb.WorkflowRequest, b"\x78\x05"),  # unknown fields
        (pb.WorkflowRequest, b"\x12\x02\x78\x05"),  # unknown fields inside pieces of one wrapper
        (pb.WorkflowRequest, b"\x92\x00\x02\x78\x05"),  # the same under a tag that is too long
        (pb.WorkflowRequest, b"\x3a\x02\x78\x05"),  # pieces of one message, unknown fields inside
        (pb.WorkflowRequest, b"\xba\x00\x02\x78\x05"),
        (pb.ExecutionStartedEvent, b"\x4a\x02\x78\x05"),  # map entries with unknown fields
        (pb.PurgeInstancesRequest, b"\x12\x02\x0a\x00"),  # a member of a oneof in pieces
        (pb.PurgeInstancesRequest, b"\x0a\x00\x12\x00"),  # two members in turn
        (pb.HistoryEvent, b"\x3a\x02\x78\x05\x42\x00"),
    ],
)
def test_a_flood_of_pieces_takes_linear_time(cls: type, piece: bytes) -> None:
    def seconds(count: int) -> float:
        data = piece * count
        begin = time.process_time()
        codec.encode(codec.decode(cls, data))
        return time.process_time() - begin

    seconds(1000)
    small = min(seconds(10_000) for _ in range(3))
    large = min(seconds(80_000) for _ in range(2))
    assert large < max(small, 0.002) * 40  # 8 for linear time, 64 for quadratic


def test_the_error_names_the_message_and_what_is_wrong() -> None:
    with pytest.raises(codec.DecodeError, match=r"HistoryEvent: cut short"):
        codec.decode(pb.HistoryEvent, b"\x08")
    with pytest.raises(codec.DecodeError, match=r"WorkflowInstance: a string is not UTF-8"):
        codec.decode(pb.WorkflowInstance, b"\x0a\x01\xff")
    with pytest.raises(codec.DecodeError, match=r"TaskFailureDetails: nested deeper than 100 levels"):
        codec.decode(pb.TaskFailureDetails, nested(101))
    with pytest.raises(ValueError, match="wire type 6"):
        codec.decode(pb.WorkItem, b"\x7e")
