"""Activities, child orchestrations, and orchestrations that nobody waits for.

Each call returns at once; its action has its id by then.  What the values look like on their way is `Payloads`'
business, which the worker's converter and registry answer.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar, overload

from trio_durable._core import clock
from trio_durable._core.envelope import checked, seal
from trio_durable._core.events import PropagationScope, Router
from trio_durable._core.futures import DurableFuture
from trio_durable._core.retry import RetryPolicy
from trio_durable._durable.travel import Travel
from trio_durable._errors import PayloadError

__all__ = ["Calls", "Payloads"]

T = TypeVar("T")


class Payloads(Protocol):
    """How the worker's converter and registry look from here."""

    def encode(self, value: object) -> str | None: ...

    def decode(self, payload: str | None, wanted: Any = None) -> Any: ...

    def name_of(self, function: Callable[..., Any] | str) -> str:
        """The name under which `function` is registered."""

    def is_activity(self, function: Callable[..., Any]) -> bool:
        """Whether `function` is registered as an activity."""

    def result_type(self, function: Callable[..., Any] | str) -> Any:
        """The annotated result of `function`, None if it has none."""


class Calls(Travel):
    """The part of the context that asks others to work."""

    _payloads: Payloads

    @overload
    def call_activity(
        self,
        activity: Callable[..., Coroutine[Any, Any, T]],
        *,
        input: object = ...,
        retry_policy: RetryPolicy | None = ...,
        app_id: str | None = ...,
        metadata: Mapping[str, str] | None = ...,
        propagation: PropagationScope | None = ...,
        return_type: None = ...,
    ) -> DurableFuture[T]: ...
    @overload
    def call_activity(
        self,
        activity: Callable[..., T],
        *,
        input: object = ...,
        retry_policy: RetryPolicy | None = ...,
        app_id: str | None = ...,
        metadata: Mapping[str, str] | None = ...,
        propagation: PropagationScope | None = ...,
        return_type: None = ...,
    ) -> DurableFuture[T]: ...
    @overload
    def call_activity(
        self,
        activity: str | Callable[..., Any],
        *,
        input: object = ...,
        retry_policy: RetryPolicy | None = ...,
        app_id: str | None = ...,
        metadata: Mapping[str, str] | None = ...,
        propagation: PropagationScope | None = ...,
        return_type: type[T],
    ) -> DurableFuture[T]: ...
    @overload
    def call_activity(
        self,
        activity: str | Callable[..., Any],
        *,
        input: object = ...,
        retry_policy: RetryPolicy | None = ...,
        app_id: str | None = ...,
        metadata: Mapping[str, str] | None = ...,
        propagation: PropagationScope | None = ...,
        return_type: Any,
    ) -> DurableFuture[Any]: ...
    @overload
    def call_activity(
        self,
        activity: str,
        *,
        input: object = ...,
        retry_policy: RetryPolicy | None = ...,
        app_id: str | None = ...,
        metadata: Mapping[str, str] | None = ...,
        propagation: PropagationScope | None = ...,
        return_type: None = ...,
    ) -> DurableFuture[Any]: ...
    def call_activity(
        self,
        activity: Callable[..., Any] | str,
        *,
        input: object = None,
        retry_policy: RetryPolicy | None = None,
        app_id: str | None = None,
        metadata: Mapping[str, str] | None = None,
        propagation: PropagationScope | None = None,
        return_type: Any = None,
    ) -> DurableFuture[Any]:
        """Run an activity, given as a function or by name.

        The future's result is what the activity returned, decoded to `return_type` or to the function's annotation.
        It fails with TaskFailedError when the activity failed (and, with a `retry_policy`, no attempt succeeded).
        app_id: which app's workers run it; this one's if not given.  metadata: for this call, on top of `set_metadata`.
        propagation: how much of this history to hand down; the embedded sidecar does that, and Dapr's.
        """
        return self._replay.call_activity(
            self._payloads.name_of(activity),
            self._sealed("activity", activity, input, metadata),
            self._decoder("activity", activity, return_type),
            retry=_policy(retry_policy),
            router=_router(app_id),
            scope=propagation,
        )

    @overload
    def call_child_orchestrator(
        self,
        orchestrator: Callable[..., Coroutine[Any, Any, T]],
        *,
        input: object = ...,
        instance_id: str | None = ...,
        retry_policy: RetryPolicy | None = ...,
        app_id: str | None = ...,
        version: str | None = ...,
        metadata: Mapping[str, str] | None = ...,
        propagation: PropagationScope | None = ...,
        return_type: None = ...,
    ) -> DurableFuture[T]: ...
    @overload
    def call_child_orchestrator(
        self,
        orchestrator: Callable[..., Generator[Any, Any, T]],
        *,
        input: object = ...,
        instance_id: str | None = ...,
        retry_policy: RetryPolicy | None = ...,
        app_id: str | None = ...,
        version: str | None = ...,
        metadata: Mapping[str, str] | None = ...,
        propagation: PropagationScope | None = ...,
        return_type: None = ...,
    ) -> DurableFuture[T]: ...
    @overload
    def call_child_orchestrator(
        self,
        orchestrator: str | Callable[..., Any],
        *,
        input: object = ...,
        instance_id: str | None = ...,
        retry_policy: RetryPolicy | None = ...,
        app_id: str | None = ...,
        version: str | None = ...,
        metadata: Mapping[str, str] | None = ...,
        propagation: PropagationScope | None = ...,
        return_type: type[T],
    ) -> DurableFuture[T]: ...
    @overload
    def call_child_orchestrator(
        self,
        orchestrator: str | Callable[..., Any],
        *,
        input: object = ...,
        instance_id: str | None = ...,
        retry_policy: RetryPolicy | None = ...,
        app_id: str | None = ...,
        version: str | None = ...,
        metadata: Mapping[str, str] | None = ...,
        propagation: PropagationScope | None = ...,
        return_type: Any,
    ) -> DurableFuture[Any]: ...
    @overload
    def call_child_orchestrator(
        self,
        orchestrator: str,
        *,
        input: object = ...,
        instance_id: str | None = ...,
        retry_policy: RetryPolicy | None = ...,
        app_id: str | None = ...,
        version: str | None = ...,
        metadata: Mapping[str, str] | None = ...,
        propagation: PropagationScope | None = ...,
        return_type: None = ...,
    ) -> DurableFuture[Any]: ...
    def call_child_orchestrator(
        self,
        orchestrator: Callable[..., Any] | str,
        *,
        input: object = None,
        instance_id: str | None = None,
        retry_policy: RetryPolicy | None = None,
        app_id: str | None = None,
        version: str | None = None,
        metadata: Mapping[str, str] | None = None,
        propagation: PropagationScope | None = None,
        return_type: Any = None,
    ) -> DurableFuture[Any]:
        """Run another orchestration as a child and await its result.

        Without `instance_id` the child's id is this instance's, a colon and the action's number in four hex digits.
        version: instead of the workers' latest, where the sidecar passes it on (the standalone Go one does not).
        The future fails with TaskFailedError when the child failed or was terminated.  propagation: as for activities;
        the child finds it in `ctx.propagated_history`.
        """
        return self._replay.call_child(
            self._payloads.name_of(orchestrator),
            self._sealed("child orchestration", orchestrator, input, metadata),
            self._decoder("child orchestration", orchestrator, return_type),
            instance_id=instance_id or "",
            version=version,
            retry=_policy(retry_policy),
            router=_router(app_id),
            scope=propagation,
        )

    #: The names of `call_child_orchestrator` in earlier SDKs.
    call_sub_orchestrator = call_child_orchestrator
    call_child_workflow = call_child_orchestrator

    def schedule_new_orchestration(
        self,
        orchestrator: Callable[..., Any] | str,
        *,
        input: object = None,
        instance_id: str | None = None,
        start_at: datetime | timedelta | None = None,
        app_id: str | None = None,
        version: str | None = None,
        metadata: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """Start an orchestration that has no parent and that nobody waits for; returns its instance id at once.

        Without `instance_id` it gets one that is the same on every replay and unique otherwise.  If the id is taken by
        an instance that runs, nothing is started and nothing is reported: that is what "nobody waits" means.
        start_at: not before then (a naive datetime means UTC), or so long after now.  version: as for children.
        """
        begin = None if start_at is None else self._moment(start_at, "start_at")
        return self._replay.start_detached(
            self._payloads.name_of(orchestrator),
            self._sealed("detached orchestration", orchestrator, input, metadata),
            instance_id=instance_id or "",
            version=version,
            scheduled_start=begin,
            tags=checked(tags or {}, "tags"),
            trace=self._outbound_trace(),
            router=_router(app_id),
        )

    def _moment(self, when: timedelta | datetime, argument: str) -> int:
        if isinstance(when, timedelta):
            return self._replay.now + clock.from_timedelta(when)
        if isinstance(when, datetime):
            return clock.from_datetime(when)
        raise TypeError(f"{argument} is a timedelta from now or a datetime, got {when!r}")

    def _sealed(
        self, what: str, function: Callable[..., Any] | str, value: object, metadata: Mapping[str, str] | None
    ) -> str | None:
        """The payload of an input with its metadata."""
        payload = self._encoded(lambda: f"the input of {what} {self._payloads.name_of(function)!r}", value)
        return seal(payload, self._metadata_with(metadata))

    def _decoder(self, what: str, function: Callable[..., Any] | str, wanted: Any) -> Callable[[str | None], Any]:
        kind = wanted if wanted is not None else self._payloads.result_type(function)
        return lambda payload: self._decoded(
            lambda: f"the result of {what} {self._payloads.name_of(function)!r}", payload, kind
        )

    def _encoded(self, whose: Callable[[], str], value: object) -> str | None:
        """The payload of `value`; PayloadError says whose it would have been."""
        try:
            return self._payloads.encode(value)
        except PayloadError as error:
            raise PayloadError(f"{whose()}: {error}") from error

    def _decoded(self, whose: Callable[[], str], payload: str | None, wanted: Any) -> Any:
        """The value of `payload`; PayloadError says whose it is."""
        try:
            return self._payloads.decode(payload, wanted)
        except PayloadError as error:
            raise PayloadError(f"{whose()}: {error}") from error


def _policy(policy: object) -> RetryPolicy | None:
    if policy is not None and not isinstance(policy, RetryPolicy):
        raise TypeError(f"retry_policy is a trio_durable.RetryPolicy, got {policy!r}")
    return policy


def _router(app_id: str | None) -> Router | None:
    return None if app_id is None else Router(target_app_id=app_id)
