"""What clients see of an instance: `InstanceState` <-> WorkflowState, and the request that creates one."""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import trio_durable_proto as pb
from trio_durable_proto import codec

from trio_durable._core.events import ExecutionStarted, Router, Status, TraceContext
from trio_durable._core.failures import FailureDetails
from trio_durable._wire.common import (
    router_from_pb,
    router_to_pb,
    status_from_pb,
    status_to_pb,
    trace_from_pb,
    trace_to_pb,
)
from trio_durable._wire.failures import failure_from_pb, failure_to_pb
from trio_durable._wire.presence import given
from trio_durable._wire.times import optional_time, time_from_pb, time_to_pb

__all__ = [
    "CreateInstance",
    "InstanceState",
    "PurgeFilter",
    "create_from_pb",
    "create_to_pb",
    "purge_filter_from_pb",
    "started_from_create",
    "state_from_bytes",
    "state_from_pb",
    "state_from_response",
    "state_to_bytes",
    "state_to_pb",
]


@dataclass(slots=True)
class InstanceState:
    """An instance as clients see it.  Times are nanoseconds since the epoch; payloads are raw JSON or None.

    input, output, custom_status and failure are filled in only where the client asked for payloads.
    """

    instance_id: str
    name: str
    status: Status
    version: str | None = None
    created_at: int = 0
    last_updated_at: int = 0
    started_at: int | None = None
    completed_at: int | None = None
    scheduled_start: int | None = None
    input: str | None = None
    output: str | None = None
    custom_status: str | None = None
    failure: FailureDetails | None = None
    execution_id: str | None = None
    parent_instance_id: str | None = None
    parent_app_id: str | None = None
    tags: dict[str, str] = field(default_factory=dict)


@dataclass(slots=True)
class CreateInstance:
    """A client's request for a new instance.  An empty instance_id leaves the choice to the sidecar."""

    name: str
    instance_id: str = ""
    input: str | None = None
    version: str | None = None
    scheduled_start: int | None = None
    execution_id: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    trace_context: TraceContext | None = None
    enforce_unique: bool = False
    router: Router | None = None


@dataclass(frozen=True, slots=True)
class PurgeFilter:
    """Which instances a purge means: created in [created_from, created_to), nanoseconds, and in one of `statuses`.

    None, or no status, matches everything.
    """

    created_from: int | None = None
    created_to: int | None = None
    statuses: frozenset[Status] = frozenset()

    def matches(self, state: InstanceState) -> bool:
        """Whether the instance is meant."""
        return (
            (self.created_from is None or state.created_at >= self.created_from)
            and (self.created_to is None or state.created_at < self.created_to)
            and (not self.statuses or state.status in self.statuses)
        )


def purge_filter_from_pb(message: pb.PurgeInstanceFilter) -> PurgeFilter:
    return PurgeFilter(
        optional_time(given(message.created_time_from)),
        optional_time(given(message.created_time_to)),
        frozenset(status_from_pb(status) for status in message.runtime_status),
    )


def state_from_response(response: pb.GetInstanceResponse) -> InstanceState | None:
    """The state, or None where no such instance exists."""
    return state_from_pb(response.workflow_state) if response.exists else None


def state_from_pb(message: pb.WorkflowState) -> InstanceState:
    return InstanceState(
        instance_id=message.instance_id,
        name=message.name,
        status=status_from_pb(message.workflow_status),
        version=message.version,
        created_at=time_from_pb(message.created_timestamp),
        last_updated_at=time_from_pb(message.last_updated_timestamp),
        started_at=optional_time(message.started_at),
        completed_at=optional_time(message.completed_timestamp),
        scheduled_start=optional_time(message.scheduled_start_timestamp),
        input=message.input,
        output=message.output,
        custom_status=message.custom_status,
        failure=failure_from_pb(message.failure_details),
        execution_id=message.execution_id,
        parent_instance_id=message.parent_instance_id,
        parent_app_id=message.parent_app_id,
        tags=dict(message.tags),
    )


def state_to_pb(state: InstanceState, *, payloads: bool = True) -> pb.WorkflowState:
    """The message; without `payloads` the inputs and outputs stay at home."""
    message = pb.WorkflowState(
        instance_id=state.instance_id,
        name=state.name,
        version=state.version,
        workflow_status=status_to_pb(state.status),
        created_timestamp=time_to_pb(state.created_at),
        last_updated_timestamp=time_to_pb(state.last_updated_at),
        execution_id=state.execution_id,
        parent_instance_id=state.parent_instance_id,
        parent_app_id=state.parent_app_id,
    )
    if state.tags:
        message.tags = dict(state.tags)
    if state.started_at is not None:
        message.started_at = time_to_pb(state.started_at)
    if state.completed_at is not None:
        message.completed_timestamp = time_to_pb(state.completed_at)
    if state.scheduled_start is not None:
        message.scheduled_start_timestamp = time_to_pb(state.scheduled_start)
    if payloads:
        message.input = state.input
        message.output = state.output
        message.custom_status = state.custom_status
        if state.failure is not None:
            message.failure_details = failure_to_pb(state.failure)
    return message


def state_to_bytes(state: InstanceState) -> bytes:
    """The state as a sidecar keeps it: without the input, which does not change from turn to turn and may be large."""
    return codec.encode(state_to_pb(replace(state, input=None)))


def state_from_bytes(data: bytes) -> InstanceState:
    """What `state_to_bytes` kept; raises codec.DecodeError."""
    return state_from_pb(codec.decode(pb.WorkflowState, data))


def create_from_pb(message: pb.CreateInstanceRequest) -> CreateInstance:
    return CreateInstance(
        name=message.name,
        instance_id=message.instance_id,
        input=message.input,
        version=message.version,
        scheduled_start=optional_time(given(message.scheduled_start_timestamp)),
        execution_id=message.execution_id,
        tags=dict(message.tags),
        trace_context=trace_from_pb(message.parent_trace_context),
        enforce_unique=bool(message.enforce_unique_instance_id),
        router=router_from_pb(message.router),
    )


def create_to_pb(create: CreateInstance) -> pb.CreateInstanceRequest:
    message = pb.CreateInstanceRequest(
        instance_id=create.instance_id,
        name=create.name,
        version=create.version,
        input=create.input,
        execution_id=create.execution_id,
        enforce_unique_instance_id=create.enforce_unique,
    )
    if create.tags:
        message.tags = dict(create.tags)
    if create.scheduled_start is not None:
        message.scheduled_start_timestamp = time_to_pb(create.scheduled_start)
    if create.trace_context is not None:
        message.parent_trace_context = trace_to_pb(create.trace_context)
    message.router = router_to_pb(create.router)
    return message


def started_from_create(create: CreateInstance, *, instance_id: str, execution_id: str, now: int) -> ExecutionStarted:
    """The event that begins the instance which `create` asks for."""
    return ExecutionStarted(
        -1,
        now,
        name=create.name,
        input=create.input,
        instance_id=instance_id,
        execution_id=execution_id,
        version=create.version,
        scheduled_start=create.scheduled_start,
        trace_context=create.trace_context,
        tags=dict(create.tags),
    )
