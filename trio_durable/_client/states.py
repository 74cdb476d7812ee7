"""What a client is told of an instance."""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any, TypeVar, overload

from trio_durable import _converter
from trio_durable._core import clock
from trio_durable._core.envelope import unseal
from trio_durable._core.events import Status
from trio_durable._core.failures import FailureDetails
from trio_durable._errors import OrchestrationFailedError
from trio_durable._wire.states import InstanceState

__all__ = ["OrchestrationState"]

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class OrchestrationState:
    """An instance as the sidecar saw it when it was asked.

    Payloads (`serialized_*`, JSON text or None, and `failure_details`) are there only if they were asked for.
    """

    instance_id: str
    name: str
    runtime_status: Status
    created_at: datetime
    last_updated_at: datetime
    serialized_input: str | None = None
    serialized_output: str | None = None
    serialized_custom_status: str | None = None
    failure_details: FailureDetails | None = None
    parent_instance_id: str | None = None
    version: str | None = None
    execution_id: str | None = None
    tags: dict[str, str] = field(default_factory=dict)
    _converter: Any = field(default=None, repr=False, compare=False)

    @property
    def is_complete(self) -> bool:
        """Whether the instance has ended, however it did."""
        return self.runtime_status.is_terminal

    @overload
    def get_input(self, wanted: type[T]) -> T: ...
    @overload
    def get_input(self, wanted: Any = ...) -> Any: ...
    def get_input(self, wanted: Any = None) -> Any:
        """The input, as a `wanted` if a type is given; raises PayloadError if it is not one."""
        return _converter.decode(self._converter, unseal(self.serialized_input)[0], wanted)

    @overload
    def get_output(self, wanted: type[T]) -> T: ...
    @overload
    def get_output(self, wanted: Any = ...) -> Any: ...
    def get_output(self, wanted: Any = None) -> Any:
        """The result, as a `wanted` if a type is given; raises PayloadError if it is not one."""
        return _converter.decode(self._converter, self.serialized_output, wanted)

    @overload
    def get_custom_status(self, wanted: type[T]) -> T: ...
    @overload
    def get_custom_status(self, wanted: Any = ...) -> Any: ...
    def get_custom_status(self, wanted: Any = None) -> Any:
        """What the orchestrator last passed to `set_custom_status`."""
        return _converter.decode(self._converter, self.serialized_custom_status, wanted)

    def raise_if_failed(self) -> None:
        """Raise OrchestrationFailedError if the instance ended as FAILED."""
        if self.runtime_status is Status.FAILED:
            details = self.failure_details or FailureDetails("", "the sidecar gave no details")
            raise OrchestrationFailedError(
                f"orchestration {self.name!r}, instance {self.instance_id!r}, failed: "
                f"{details.error_type}: {details.error_message}",
                details,
            )

    def to_json(self) -> str:
        """The state as JSON text: payloads as the JSON they are, times as ISO 8601, the failure with its causes."""
        return json.dumps(
            {
                "instance_id": self.instance_id,
                "name": self.name,
                "runtime_status": self.runtime_status.name,
                "created_at": self.created_at.isoformat(),
                "last_updated_at": self.last_updated_at.isoformat(),
                "input": _value(unseal(self.serialized_input)[0]),
                "output": _value(self.serialized_output),
                "custom_status": _value(self.serialized_custom_status),
                "failure": None if self.failure_details is None else asdict(self.failure_details),
                "parent_instance_id": self.parent_instance_id,
                "version": self.version,
                "execution_id": self.execution_id,
                "tags": self.tags,
            }
        )

    @classmethod
    def of(cls, state: InstanceState, converter: Any) -> OrchestrationState:
        """What a client shows of `state`."""
        return cls(
            instance_id=state.instance_id,
            name=state.name,
            runtime_status=state.status,
            created_at=clock.to_datetime(state.created_at),
            last_updated_at=clock.to_datetime(state.last_updated_at),
            serialized_input=state.input,
            serialized_output=state.output,
            serialized_custom_status=state.custom_status,
            failure_details=state.failure,
            parent_instance_id=state.parent_instance_id or None,
            version=state.version or None,
            execution_id=state.execution_id or None,
            tags=dict(state.tags),
            _converter=converter,
        )


def _value(payload: str | None) -> Any:
    """The JSON in `payload`; the text itself where a converter wrote something else."""
    try:
        return json.loads(payload) if payload else None
    except ValueError:
        return payload
