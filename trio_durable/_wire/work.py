"""Work items as they arrive: read no further than the worker looks.

A turn's history may be long, and a worker that kept the instance in memory has seen all of it but its end.  So a
turn's events stay bytes until somebody asks for them: finding where each begins costs a fraction of a microsecond,
reading what a replay needs of one about two, making the full message about ten.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import islice
from typing import Any, overload

import trio_durable_proto as pb
from trio_durable_proto import codec

from trio_durable._core import events as ev
from trio_durable._wire.events import event_from_pb
from trio_durable._wire.failures import failure_from_pb
from trio_durable._wire.propagation import chunks_from_pb
from trio_durable._wire.requests import Activity, Turn, activity_from_pb

__all__ = ["EncodedEvents", "read_work_item", "with_history"]

_WORKFLOW, _ACTIVITY = 1, 2
_BATCH = 256


class EncodedEvents(Sequence[ev.Event]):
    """Events of a history as they lie in a buffer; read when they are looked at.

    What is read holds what a replay needs: payloads, names, numbers, failures, and the times of turns and timers.  The
    timestamps of other events are left out (they are 0).  Two of these are equal if their bytes are.
    """

    __slots__ = ("_data", "_spans")

    def __init__(self, data: bytes, spans: list[tuple[int, int]]) -> None:
        self._data = data
        self._spans = spans

    def __len__(self) -> int:
        return len(self._spans)

    @overload
    def __getitem__(self, index: int) -> ev.Event: ...
    @overload
    def __getitem__(self, index: slice) -> EncodedEvents: ...
    def __getitem__(self, index: int | slice) -> ev.Event | EncodedEvents:
        if isinstance(index, slice):
            return EncodedEvents(self._data, self._spans[index])
        return next(iter(EncodedEvents(self._data, [self._spans[index]])))

    def __iter__(self) -> Iterator[ev.Event]:
        data = self._data
        spans = iter(self._spans)
        while batch := list(islice(spans, _BATCH)):
            for span, (kind, event_id, a, b) in zip(batch, codec.scan(data, batch), strict=True):
                make = _MAKERS.get(kind)
                if make is None:
                    yield event_from_pb(codec.decode_at(pb.HistoryEvent, data, *span))
                else:
                    yield make(event_id, a, b)

    def alone(self) -> EncodedEvents:
        """The same events in a buffer of their own: keeping them does not keep the history they came in."""
        return EncodedEvents.of([self._data[i:j] for i, j in self._spans])

    @classmethod
    def of(cls, events: Sequence[bytes]) -> EncodedEvents:
        """Events that are encoded one by one."""
        spans: list[tuple[int, int]] = []
        at = 0
        for event in events:
            spans.append((at, at + len(event)))
            at += len(event)
        return cls(b"".join(events), spans)

    def __eq__(self, other: object) -> bool:
        if not isinstance(other, EncodedEvents):
            return NotImplemented
        return len(self._spans) == len(other._spans) and all(
            self._data[i:j] == other._data[k:m]
            for (i, j), (k, m) in zip(self._spans, other._spans, strict=True)
        )

    __hash__ = None  # type: ignore[assignment]


def read_work_item(data: bytes) -> tuple[Turn | Activity | None, str]:
    """What an encoded WorkItem asks for, and its completion token; None for what this version does not know.

    Raises codec.DecodeError for bytes that are no WorkItem.
    """
    item = codec.split_work_item(data)
    if item.kind == _ACTIVITY:
        request = codec.decode_at(pb.ActivityRequest, item.data, item.start, item.stop)
        return activity_from_pb(request), item.completion_token
    if item.kind != _WORKFLOW:
        return None, item.completion_token
    parts = codec.split(item.data, item.start, item.stop)
    head = codec.decode(pb.WorkflowRequest, parts.head)
    cached = head.cached_history
    turn = Turn(
        instance_id=head.instance_id,
        execution_id=head.execution_id,
        past=EncodedEvents(item.data, parts.past),
        new=EncodedEvents(item.data, parts.new),
        cached=None if cached is None else cached.event_count,
        propagated=chunks_from_pb(head.propagated_history),
    )
    return turn, item.completion_token


def with_history(turn: Turn, response: bytes) -> Turn | None:
    """`turn`, which left out what this worker was believed to hold, with its whole history.

    response: an encoded GetInstanceHistoryResponse.  None if that history does not hold what the turn says: then the
    turn is not of today any more.  Raises codec.DecodeError for bytes that are no such response.
    """
    told = len(turn.past)
    begin = turn.cached or 0
    past = EncodedEvents.of(codec.pieces(response, 1)[: begin + told])
    if len(past) < begin + told or past[begin:] != turn.past:
        return None
    return replace(turn, past=past, cached=None)


_ORIGINS = {
    4: ev.TimerOriginKind.CREATE_TIMER,
    5: ev.TimerOriginKind.EXTERNAL_EVENT,
    6: ev.TimerOriginKind.ACTIVITY_RETRY,
    7: ev.TimerOriginKind.CHILD_RETRY,
}


def _timer_created(event_id: int, fire_at: int, origin: Any) -> ev.TimerCreated:
    why = None if origin is None else ev.TimerOrigin(_ORIGINS[origin[0]], origin[1])
    return ev.TimerCreated(event_id, 0, fire_at, None, why)


def _turn_started(event_id: int, timestamp: int, version: Any) -> ev.OrchestratorStarted:
    if version is None:
        return ev.OrchestratorStarted(event_id, timestamp)
    return ev.OrchestratorStarted(event_id, timestamp, version.name, tuple(version.patches))


#: What `codec.scan` calls an event -> what makes it; kinds that are not here are decoded in full.
_MAKERS: dict[int, Any] = {
    6: lambda event_id, name, execution: ev.TaskScheduled(event_id, 0, name, None, None, execution),
    7: lambda event_id, task, result: ev.TaskCompleted(event_id, 0, task, result),
    8: lambda event_id, task, failure: ev.TaskFailed(event_id, 0, task, failure_from_pb(failure)),
    9: lambda event_id, name, instance: ev.ChildCreated(event_id, 0, instance, name),
    10: lambda event_id, task, result: ev.ChildCompleted(event_id, 0, task, result),
    11: lambda event_id, task, failure: ev.ChildFailed(event_id, 0, task, failure_from_pb(failure)),
    12: _timer_created,
    13: lambda event_id, timer, fire_at: ev.TimerFired(event_id, 0, timer, fire_at),
    14: _turn_started,
    17: lambda event_id, name, payload: ev.EventRaised(event_id, 0, name, payload),
}
