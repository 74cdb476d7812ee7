"""Histories that are handed down: to an activity, to a child, as the call asks.

What is handed down is the caller's history up to and including the turn that called, whole and as it is stored; with
the scope LINEAGE, what the caller itself was handed goes before it.  So the eldest comes first and the caller last.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

import trio_durable_proto as pb
from trio_durable_proto import codec

from trio_durable._core.events import ChildCreated, Event, PropagationScope
from trio_durable._wire.events import event_from_bytes

__all__ = ["HistoryChunk", "child_scopes", "chunks_from_bytes", "chunks_from_pb", "hand_down"]


@dataclass(slots=True)
class HistoryChunk:
    """What one orchestration handed down of its history; the events are decoded when they are looked at."""

    app_id: str
    instance_id: str
    name: str
    encoded: tuple[bytes, ...]

    @property
    def events(self) -> list[Event]:
        """The events, the oldest first; raises codec.DecodeError."""
        return [event_from_bytes(event) for event in self.encoded]


def chunks_from_pb(history: pb.PropagatedHistory | None) -> tuple[HistoryChunk, ...]:
    """The histories in a request; none where it has no such field."""
    if history is None:
        return ()
    return tuple(
        HistoryChunk(each.app_id, each.instance_id, each.workflow_name, tuple(each.raw_events))
        for each in history.chunks
    )


def chunks_from_bytes(handed_down: bytes | None) -> tuple[HistoryChunk, ...]:
    """What `hand_down` wrote, as callees are given it."""
    return () if handed_down is None else chunks_from_pb(codec.decode(pb.PropagatedHistory, handed_down))


def child_scopes(events: Iterable[Event]) -> dict[int, int | None]:
    """The scope of each call of a child among `events`, by the call's number."""
    return {event.event_id: event.history_scope for event in events if isinstance(event, ChildCreated)}


def hand_down(scope: int, own: HistoryChunk, received: bytes | None) -> bytes:
    """An encoded PropagatedHistory: `own`, behind what was `received` (another one, or None) if the scope says so."""
    chunk = pb.PropagatedHistoryChunk(
        raw_events=list(own.encoded), app_id=own.app_id, instance_id=own.instance_id, workflow_name=own.name
    )
    above: Iterable[pb.PropagatedHistoryChunk] = ()
    if scope == PropagationScope.LINEAGE and received is not None:
        above = codec.decode(pb.PropagatedHistory, received).chunks
    return codec.encode(pb.PropagatedHistory(scope=pb.HistoryPropagationScope.try_value(scope), chunks=[*above, chunk]))
