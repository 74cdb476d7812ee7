"""What activities and orchestrations are shown of the histories that were handed down."""

from __future__ import annotations

from collections.abc import Iterable

from trio_durable._core.view import PropagatedHistory, history_event
from trio_durable._wire.propagation import HistoryChunk

__all__ = ["shown"]


def shown(chunks: Iterable[HistoryChunk]) -> tuple[PropagatedHistory, ...]:
    """The histories for people, the eldest first."""
    return tuple(
        PropagatedHistory(each.app_id, each.instance_id, each.name, tuple(map(history_event, each.events)))
        for each in chunks
    )
