"""What an orchestrator function gets as its first argument.

The context turns values into payloads and asks the engine (`_core.replay`); it decides nothing itself.  Every call that
stands for work returns a `DurableFuture` at once, and its action takes its id at the call, not where it is awaited.

Here is what asks for work; what the orchestration knows of itself is in `identity`, deterministic values in `values`,
combinations in `together`, metadata in `travel`, and what is done at the end of a block in `saga` and `cleanup`.
"""

from __future__ import annotations

from collections.abc import Callable, Coroutine, Generator, Mapping
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar, overload

from trio_durable._core import clock
from trio_durable._core.envelope import checked, seal
from trio_durable._core.events import PropagationScope, Router
from trio_durable._core.futures import DurableFuture
from trio_durable._core.replay import Replay
from trio_durable._core.retry import RetryPolicy
from trio_durable._core.view import PropagatedHistory
from trio_durable._durable.cleanup import Cleanup
from trio_durable._durable.saga import Saga
from trio_durable._durable.together import Together, nanoseconds
from trio_durable._durable.travel import Travel
from trio_durable._durable.values import Values
from trio_durable._errors import PayloadError

__all__ = ["SEND_EVENT", "OrchestrationContext", "Payloads", "drive_generator"]

T = TypeVar("T")

#: The built-in activity that sends an external event to another instance: no action does on every sidecar.
SEND_EVENT = "trio_durable.send_event"


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


class OrchestrationContext(Cleanup, Travel, Together, Values):
    """One orchestration's view of itself and its way to ask for durable work.

    metadata: what travelled with the input.  propagated: the histories that were handed down to it.
    """

    def __init__(
        self,
        replay: Replay,
        payloads: Payloads,
        metadata: Mapping[str, str] | None = None,
        propagated: tuple[PropagatedHistory, ...] = (),
    ) -> None:
        self._propagated = propagated
        self._replay = replay
        self._payloads = payloads
        self._metadata = dict(metadata or {})

    # -- activities and children ------------------------------------------------------------------------------------

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
            self._decoder(activity, return_type),
            retry=retry_policy,
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
            self._decoder(orchestrator, return_type),
            instance_id=instance_id or "",
            version=version,
            retry=retry_policy,
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

    # -- timers and events ----------------------------------------------------------------------------------------

    def create_timer(self, fire_at: timedelta | datetime) -> DurableFuture[None]:
        """A durable timer: after a timedelta from now, or at a datetime (naive ones mean UTC)."""
        return self._replay.create_timer(self._moment(fire_at, "fire_at"))

    @overload
    def wait_for_external_event(
        self, name: str, *, timeout: float | timedelta | datetime | None = ..., data_type: type[T]
    ) -> DurableFuture[T]: ...
    @overload
    def wait_for_external_event(
        self, name: str, *, timeout: float | timedelta | datetime | None = ..., data_type: Any = ...
    ) -> DurableFuture[Any]: ...
    def wait_for_external_event(
        self, name: str, *, timeout: float | timedelta | datetime | None = None, data_type: Any = None
    ) -> DurableFuture[Any]:
        """The data of the next external event called `name` (in any case), the oldest unread one first.

        timeout: seconds, a timedelta, or a datetime (a naive one means UTC); when it passes the future fails with
        TimeoutError.  None waits for ever.  data_type: what the data is decoded to.
        """
        _check_event_name(name)
        if isinstance(timeout, datetime):
            limit: int | None = max(clock.from_datetime(timeout) - self._replay.now, 0)
        else:
            limit = None if timeout is None else nanoseconds(timeout)
        return self._replay.wait_for_event(
            name, lambda payload: self._payloads.decode(payload, data_type), timeout=limit
        )

    def send_event(self, instance_id: str, event_name: str, *, data: object = None) -> DurableFuture[None]:
        """Send another instance an external event; done when the sidecar has it.

        Fails with TaskFailedError, caused by NotFoundError, if there is no such instance and the sidecar says so.
        Like every activity it may be repeated after a crash: then the event arrives twice.
        """
        _check_event_name(event_name)
        payload = self._payloads.encode(data)
        return self._replay.call_activity(
            SEND_EVENT,
            self._payloads.encode({"instance_id": instance_id, "name": event_name, "data": payload}),
            lambda _: None,
        )

    # -- the instance -----------------------------------------------------------------------------------------------

    def continue_as_new(
        self,
        input: object = None,
        *,
        save_events: bool = False,
        save_metadata: bool = False,
        new_version: str | None = None,
    ) -> None:
        """Start over as a new execution with an empty history, once the function returns or awaits.

        save_events: carry unread external events over.  save_metadata: carry over what `get_metadata` gives.
        new_version: the version to go on with; the latest if not given, where the sidecar carries it.
        Whatever else was asked for in this turn is not carried out.
        """
        payload = seal(self._payloads.encode(input), self._metadata if save_metadata else {})
        self._replay.continue_as_new(payload, save_events=save_events, version=new_version)

    def set_custom_status(self, status: object) -> None:
        """Show `status`, any JSON value, in the instance's state until another one is set."""
        self._replay.custom_status = self._payloads.encode(status)

    def is_patched(self, name: str) -> bool:
        """Whether to take the new path of the change called `name`.

        True in instances that reach this question for the first time, False in those whose history went past it before
        the change; the same answer for ever within one execution.
        """
        return self._replay.patches.ask(name, replaying=self._replay.is_replaying)

    def saga(self) -> Saga:
        """A scope whose compensations run, durably and in reverse, when its body fails or is cancelled."""
        return Saga(self)

    # -- inside -----------------------------------------------------------------------------------------------------

    def _moment(self, when: timedelta | datetime, argument: str) -> int:
        if isinstance(when, timedelta):
            return self._replay.now + clock.from_timedelta(when)
        if isinstance(when, datetime):
            return clock.from_datetime(when)
        raise TypeError(f"{argument} is a timedelta from now or a datetime, got {when!r}")

    def _sealed(
        self, what: str, function: Callable[..., Any] | str, value: object, metadata: Mapping[str, str] | None
    ) -> str | None:
        """The payload of an input with its metadata; names the call whose input is no JSON."""
        try:
            payload = self._payloads.encode(value)
        except PayloadError as error:
            raise PayloadError(f"the input of {what} {self._payloads.name_of(function)!r}: {error}") from error
        return seal(payload, self._metadata_with(metadata))

    def _decoder(self, function: Callable[..., Any] | str, wanted: Any) -> Callable[[str | None], Any]:
        kind = wanted if wanted is not None else self._payloads.result_type(function)
        return lambda payload: self._payloads.decode(payload, kind)


def _router(app_id: str | None) -> Router | None:
    return None if app_id is None else Router(target_app_id=app_id)


def _check_event_name(name: object) -> None:
    if not isinstance(name, str):
        raise TypeError(f"an external event has a name, got {name!r}")


async def drive_generator(generator: Generator[Any, Any, Any]) -> Any:
    """Run a generator orchestrator: what it yields is awaited and the outcome given back to it."""
    try:
        wanted = generator.send(None)
        while True:
            if not isinstance(wanted, DurableFuture):
                wanted = generator.throw(
                    TypeError(
                        f"a generator orchestrator may yield what its context returns, not a {type(wanted).__name__}; "
                        "did you mean `yield ctx.call_activity(...)`, or `return`?"
                    )
                )
                continue
            try:
                value = await wanted
            except BaseException as error:
                wanted = generator.throw(error)
            else:
                wanted = generator.send(value)
    except StopIteration as stop:
        return stop.value
