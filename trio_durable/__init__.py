"""Durable orchestrations in ordinary Python: structured concurrency on Trio for the Durable Task protocol."""

from trio_durable_sandbox import SandboxViolationError

from trio_durable._blocking import BlockingClient
from trio_durable._client import Client, OrchestrationState, ReuseIdAction, ReuseIdPolicy
from trio_durable._converter import JsonConverter
from trio_durable._core.events import PropagationScope
from trio_durable._core.events import Status as OrchestrationStatus
from trio_durable._core.failures import FailureDetails
from trio_durable._core.futures import DurableFuture, when_all, when_any
from trio_durable._core.retry import RetryPolicy
from trio_durable._core.view import HistoryEvent, PropagatedCall, PropagatedHistory
from trio_durable._durable.context import OrchestrationContext
from trio_durable._durable.identity import ExecutionInfo, OrchestrationInfo
from trio_durable._durable.logger import ReplaySafeLogger
from trio_durable._durable.saga import Saga
from trio_durable._durable.trio_facade import durable_trio
from trio_durable._errors import (
    AlreadyExistsError,
    CompensationError,
    DurableError,
    NonDeterminismError,
    NonRetryableError,
    NotFoundError,
    NotRegisteredError,
    OrchestrationFailedError,
    PayloadError,
    RegistrationError,
    SidecarError,
    TaskFailedError,
    UnavailableError,
)
from trio_durable._worker.activity import ActivityContext
from trio_durable._worker.serve import Worker

__all__ = [
    "ActivityContext",
    "AlreadyExistsError",
    "BlockingClient",
    "Client",
    "CompensationError",
    "DurableError",
    "DurableFuture",
    "ExecutionInfo",
    "FailureDetails",
    "HistoryEvent",
    "JsonConverter",
    "NonDeterminismError",
    "NonRetryableError",
    "NotFoundError",
    "NotRegisteredError",
    "OrchestrationContext",
    "OrchestrationFailedError",
    "OrchestrationInfo",
    "OrchestrationState",
    "OrchestrationStatus",
    "PayloadError",
    "PropagatedCall",
    "PropagatedHistory",
    "PropagationScope",
    "RegistrationError",
    "ReplaySafeLogger",
    "RetryPolicy",
    "ReuseIdAction",
    "ReuseIdPolicy",
    "Saga",
    "SandboxViolationError",
    "SidecarError",
    "TaskFailedError",
    "UnavailableError",
    "Worker",
    "durable_trio",
    "when_all",
    "when_any",
]

# Tracebacks, reprs and failure details show the name under which users import a thing, not the room it lives in.
for _name in __all__:
    _thing = globals()[_name]
    if getattr(_thing, "__module__", "").startswith("trio_durable._"):
        _thing.__module__ = __name__
del _name, _thing
