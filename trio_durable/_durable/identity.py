"""What an orchestration knows of itself: who it is, where in its history it stands, and when."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime

from trio_durable._core import clock
from trio_durable._core.events import TraceContext
from trio_durable._core.replay import Replay
from trio_durable._core.view import PropagatedHistory

__all__ = ["ExecutionInfo", "Identity", "OrchestrationInfo"]


@dataclass(frozen=True, slots=True)
class OrchestrationInfo:
    """What an orchestration knew of itself at one moment.

    history_event_sequence: how many events it had seen.  The trace fields are W3C trace context, None where the service
    gave none.
    """

    name: str
    instance_id: str
    parent_instance_id: str | None
    version: str | None
    is_replaying: bool
    is_suspended: bool
    current_utc_datetime: datetime
    history_event_sequence: int
    trace_parent: str | None
    trace_state: str | None
    orchestration_span_id: str | None


@dataclass(frozen=True, slots=True)
class ExecutionInfo:
    """The execution that is running: `execution_id` changes with each continue-as-new, `instance_id` does not.

    started_at: when the execution was asked for; aware, UTC.
    """

    instance_id: str
    execution_id: str | None
    started_at: datetime | None
    tags: dict[str, str]
    app_id: str | None


class Identity:
    """The part of the orchestration context that only answers questions."""

    _replay: Replay
    _propagated: tuple[PropagatedHistory, ...]

    @property
    def instance_id(self) -> str:
        """The id of this instance."""
        return self._replay.instance_id

    @property
    def name(self) -> str:
        """The name under which the orchestrator was started."""
        return self._replay.started.name if self._replay.started is not None else ""

    #: `name` as Dapr's SDK calls it.
    workflow_name = name

    @property
    def version(self) -> str | None:
        """The version this instance is pinned to, or was asked for with; None for an unversioned orchestrator."""
        started = self._replay.started
        return self._replay.version or (started.version if started is not None else None)

    @property
    def parent_instance_id(self) -> str | None:
        """The id of the orchestration that started this one, None if a client did."""
        started = self._replay.started
        return started.parent.instance_id if started is not None and started.parent is not None else None

    @property
    def is_replaying(self) -> bool:
        """Whether what the code does now was already done, and recorded, before."""
        return self._replay.is_replaying

    @property
    def is_suspended(self) -> bool:
        """Whether the instance is suspended."""
        return self._replay.is_suspended

    @property
    def current_utc_datetime(self) -> datetime:
        """The orchestration's time: an aware UTC datetime, the same on every replay."""
        return clock.to_datetime(self._replay.now)

    def now(self) -> datetime:
        """The same as `current_utc_datetime`."""
        return self.current_utc_datetime

    @property
    def history_event_sequence(self) -> int:
        """How many events of its history the orchestration has seen; the same on every replay."""
        return self._replay.events_seen

    @property
    def trace_parent(self) -> str | None:
        """The W3C `traceparent` that the instance was started with."""
        trace = self._trace
        return trace.trace_parent or None if trace is not None else None

    @property
    def trace_state(self) -> str | None:
        """The W3C `tracestate` that the instance was started with."""
        return self._trace.trace_state if self._trace is not None else None

    @property
    def orchestration_span_id(self) -> str | None:
        """The id of the instance's span."""
        started = self._replay.started
        span = started.span_id if started is not None else None
        return span or (self._trace.span_id or None if self._trace is not None else None)

    #: `orchestration_span_id` as Dapr's SDK calls it.
    workflow_span_id = orchestration_span_id

    @property
    def propagated_history(self) -> tuple[PropagatedHistory, ...]:
        """What its parent handed down: one history for each orchestration above it, the eldest first and the parent
        last.  Empty where the call did not ask for that (`propagation=`) or the sidecar does not do it.
        """
        return self._propagated

    @property
    def info(self) -> OrchestrationInfo:
        """All of the above, as it is now, in an object that does not change."""
        return OrchestrationInfo(
            name=self.name,
            instance_id=self.instance_id,
            parent_instance_id=self.parent_instance_id,
            version=self.version,
            is_replaying=self.is_replaying,
            is_suspended=self.is_suspended,
            current_utc_datetime=self.current_utc_datetime,
            history_event_sequence=self.history_event_sequence,
            trace_parent=self.trace_parent,
            trace_state=self.trace_state,
            orchestration_span_id=self.orchestration_span_id,
        )

    @property
    def execution_info(self) -> ExecutionInfo:
        """Which execution of the instance this is."""
        started = self._replay.started
        if started is None:
            return ExecutionInfo(self.instance_id, None, None, {}, None)
        router = started.router
        return ExecutionInfo(
            instance_id=self.instance_id,
            execution_id=started.execution_id,
            started_at=clock.to_datetime(started.timestamp),
            tags=dict(started.tags),
            app_id=None if router is None else router.target_app_id or router.source_app_id or None,
        )

    @property
    def _trace(self) -> TraceContext | None:
        return self._replay.started.trace_context if self._replay.started is not None else None
