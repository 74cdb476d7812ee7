"""The message classes as their users see them: betterproto's, but fast, and exact about what is present."""

from __future__ import annotations

import copy
import io
import pickle
import subprocess
import sys

import betterproto
import pytest
import trio_durable_proto as pb
from betterproto.lib.google.protobuf import Empty as ForeignEmpty
from betterproto.lib.google.protobuf import StringValue
from trio_durable_proto import _speedups, codec

from tests.patience import PATIENCE


def test_they_are_betterprotos() -> None:
    event = pb.HistoryEvent(event_id=1, task_completed=pb.TaskCompletedEvent(task_scheduled_id=1, result="2"))
    assert isinstance(event, betterproto.Message)
    assert betterproto.which_one_of(event, "eventType") == ("task_completed", event.task_completed)
    assert event.is_set("event_id")
    assert not event.is_set("timestamp")
    assert event.to_dict() == {"eventId": 1, "taskCompleted": {"taskScheduledId": 1, "result": "2"}}
    assert pb.HistoryEvent().from_dict(event.to_dict()) == event
    assert pb.HistoryEvent.FromString(bytes(event)) == event
    assert "TaskCompletedEvent(task_scheduled_id=1, result='2'" in repr(event)
    assert event != pb.HistoryEvent()
    assert bool(event) and not pb.HistoryEvent()  # noqa: PT018
    assert len(event) == len(bytes(event)) == len(event.SerializeToString())


def test_everything_is_exported() -> None:
    for name in ("WorkItem", "OrchestrationStatus", "TaskHubSidecarServiceStub", "TaskHubSidecarServiceBase", "codec"):
        assert name in pb.__all__
        assert hasattr(pb, name)
    assert pb.OrchestrationStatus.STALLED == 8


def test_unset_fields_read_as_their_defaults() -> None:
    request = pb.CreateInstanceRequest()
    assert (request.instance_id, request.input, request.tags) == ("", None, {})
    assert request.enforce_unique_instance_id is False
    assert request.router is None
    assert request.parent_trace_context.trace_parent == ""
    assert pb.WorkflowState().workflow_status is pb.OrchestrationStatus.RUNNING
    assert codec.encode(request) == b""  # reading made defaults, but set nothing
    assert pb.CreateInstanceRequest().tags is not pb.CreateInstanceRequest().tags


def test_filling_in_what_was_unset() -> None:
    item = pb.WorkItem()
    item.workflow_request = pb.WorkflowRequest()
    item.workflow_request.instance_id = "i"
    item.workflow_request.past_events.append(pb.HistoryEvent(event_id=3))
    assert codec.decode(pb.WorkItem, codec.encode(item)) == item
    parent = pb.ParentInstanceInfo()
    parent.workflow_instance.instance_id = ""  # set to the default is set, as in the C core
    assert codec.encode(parent) == b"\x22\x00"
    deep = pb.ExecutionStartedEvent()
    deep.parent_instance.workflow_instance.execution_id = "x"
    assert codec.encode(deep) == b"\x2a\x07\x22\x05\x12\x03\x0a\x01x"


def test_a_message_that_was_given_is_present() -> None:
    assert codec.encode(pb.HistoryEvent(timestamp=pb.Timestamp())) == b"\x12\x00"
    event = pb.HistoryEvent()
    event.timestamp = pb.Timestamp()
    assert codec.encode(event) == b"\x12\x00"
    event.timestamp = None  # type: ignore[assignment]
    assert codec.encode(event) == b""


def test_oneofs() -> None:
    event = pb.HistoryEvent(task_completed=pb.TaskCompletedEvent(1))
    with pytest.raises(AttributeError, match="'eventType' is set to 'task_completed', not 'task_failed'"):
        _ = event.task_failed
    event.task_failed = pb.TaskFailedEvent(2)
    assert betterproto.which_one_of(event, "eventType")[0] == "task_failed"
    assert not hasattr(event, "task_completed")
    event.task_completed = None  # type: ignore[assignment]  # not the one that is set: nothing changes
    assert event.task_failed.task_scheduled_id == 2
    event.task_failed = None  # type: ignore[assignment]
    assert betterproto.which_one_of(event, "eventType") == ("", None)
    assert codec.encode(event) == b""
    with pytest.raises(TypeError, match="two members of the oneof 'eventType'"):
        pb.HistoryEvent(task_failed=pb.TaskFailedEvent(), task_completed=pb.TaskCompletedEvent())
    assert codec.encode(pb.PurgeInstancesRequest(instance_id="")) == b"\x0a\x00"
    other = pb.HistoryEvent(timer_fired=pb.TimerFiredEvent())
    other.event_id = 1
    assert betterproto.which_one_of(other, "eventType")[0] == "timer_fired"


def test_copies_are_independent_and_whole() -> None:
    known = codec.encode(pb.HistoryEvent(event_id=1, router=pb.TaskRouter("a")))
    event = codec.decode(pb.HistoryEvent, known + b"\xa0\x06\x01")
    for twin in (copy.copy(event), copy.deepcopy(event), pickle.loads(pickle.dumps(event))):
        assert twin == event
        assert codec.encode(twin) == codec.encode(event)
        twin.event_id = 2
        assert event.event_id == 1
    deep = copy.deepcopy(event)
    assert deep.router is not None
    deep.router.source_app_id = "b"
    assert event.router == pb.TaskRouter("a")


def test_streams() -> None:
    out = io.BytesIO()
    first, second = pb.WorkflowInstance("i" * 200), pb.WorkflowInstance("j")
    first.dump(out, betterproto.SIZE_DELIMITED)
    second.dump(out)
    out.seek(0)
    assert pb.WorkflowInstance().load(out, betterproto.SIZE_DELIMITED) == first
    assert pb.WorkflowInstance().load(out) == second


@pytest.mark.parametrize(
    ("message", "words"),
    [
        (pb.HistoryEvent(event_id="1"), r"HistoryEvent\.event_id: expected int, got '1'"),  # type: ignore[arg-type]
        (pb.HistoryEvent(event_id=2**31), r"HistoryEvent\.event_id: expected a number from -2147483648 to 2147483647"),
        (pb.HistoryEvent(task_completed=pb.TaskCompletedEvent(result=5)),  # type: ignore[arg-type]
         r"HistoryEvent\.task_completed\.result: expected str, got 5"),
        (pb.WorkflowRequest(past_events=[pb.HistoryEvent(), 7]),  # type: ignore[list-item]
         r"WorkflowRequest\.past_events\[1\]: expected HistoryEvent, got 7"),
        (pb.WorkflowRequest(past_events=7), r"past_events: expected a list, got 7"),  # type: ignore[arg-type]
        (pb.TaskRouter("\ud800"), r"TaskRouter\.source_app_id: .* lone surrogate"),
        (pb.CreateInstanceRequest(tags={"a": 1}), r"tags: expected a dict of str to str"),  # type: ignore[dict-item]
        (pb.TaskCompletedEvent(signer_certificate="x"),  # type: ignore[arg-type]
         r"signer_certificate: expected bytes"),
        (pb.Timestamp(2**63), r"Timestamp\.seconds: expected a number from"),
        (pb.RerunWorkflowFromEventRequest(event_id=-1), r"event_id: expected a number from 0 to 4294967295"),
    ],
)  # fmt: skip
def test_what_cannot_be_encoded_is_named(message: betterproto.Message, words: str) -> None:
    with pytest.raises(codec.EncodeError, match=words):
        codec.encode(message)


def test_a_message_of_another_type_is_refused() -> None:
    with pytest.raises(TypeError, match=r"HistoryEvent\.task_failed: expected a TaskFailedEvent"):
        pb.HistoryEvent(task_failed=pb.TaskCompletedEvent(1))  # type: ignore[arg-type]
    with pytest.raises(TypeError, match="unexpected keyword argument 'nmae'"):
        pb.TaskScheduledEvent(nmae="x")  # type: ignore[call-arg]


def test_a_chain_too_deep_to_write() -> None:
    details = pb.TaskFailureDetails("E")
    for _ in range(20_000):
        details = pb.TaskFailureDetails("E", inner_failure=details)
    with pytest.raises(codec.EncodeError, match="nested too deeply"):
        codec.encode(details)
    while details.inner_failure.error_type:  # taken apart link by link: the interpreter frees it recursively otherwise
        details = details.inner_failure


def test_only_our_classes_are_changed() -> None:
    assert "__init__" in vars(pb.HistoryEvent)
    assert StringValue.__getattribute__ is betterproto.Message.__getattribute__
    assert ForeignEmpty.parse is betterproto.Message.parse
    assert codec.encode(StringValue("x")) == b"\x0a\x01x"
    assert codec.decode(StringValue, b"\x0a\x01x") == StringValue("x")
    with pytest.raises(codec.DecodeError, match="StringValue"):
        codec.decode(StringValue, b"\x0a")


def test_another_betterproto_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_speedups, "VERSION", "2.0.0b8")
    with pytest.raises(ImportError, match=r"install betterproto==2\.0\.0b7"):
        _speedups.install({})


def test_the_grpc_codec() -> None:
    grpc = codec.GrpcCodec()
    item = pb.WorkItem(completion_token="t")
    data = grpc.encode(item, pb.WorkItem)
    assert grpc.decode(data, pb.WorkItem) == item
    assert grpc.encode(b"raw", pb.WorkItem) == b"raw"
    assert grpc.decode(b"raw", bytes) == b"raw"
    assert grpc.__content_subtype__ == "proto"
    with pytest.raises(codec.DecodeError):
        grpc.decode(b"\xff", pb.WorkItem)
    with pytest.raises(TypeError, match="expected a WorkItem or bytes to send, got Empty"):
        grpc.encode(pb.Empty(), pb.WorkItem)


def test_the_collector_is_as_it_was() -> None:
    program = """if True:
        import gc
        import trio_durable_proto as pb
        from trio_durable_proto import codec
        large = codec.encode(pb.TaskRouter("x" * 100_000))
        for state in (True, False):
            (gc.enable if state else gc.disable)()
            for data in (large, large[:-1], b""):
                try:
                    codec.decode(pb.TaskRouter, data)
                except codec.DecodeError:
                    pass
                assert gc.isenabled() is state
    """
    subprocess.run([sys.executable, "-c", program], check=True, timeout=PATIENCE)
