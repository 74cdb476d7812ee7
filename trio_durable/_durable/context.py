"""What an orchestrator function gets as its first argument.

The context turns values into payloads and asks the engine (`_core.replay`); it decides nothing itself.  Every call that
stands for work returns a `DurableFuture` at once, and its action takes its id at the call, not where it is awaited.
"""

from __future__ import annotations

import inspect
import random
import uuid
from collections.abc import Awaitable, Callable, Coroutine, Generator, Iterable
from datetime import datetime, timedelta
from typing import Any, Protocol, TypeVar, cast, overload

from trio_durable._core import clock
from trio_durable._core.events import Router
from trio_durable._core.futures import DurableFuture, combine
from trio_durable._core.futures import when_all as _when_all
from trio_durable._core.futures import when_any as _when_any
from trio_durable._core.replay import GUID_NAMESPACE, Replay
from trio_durable._core.retry import RetryPolicy

__all__ = ["OrchestrationContext", "Payloads", "drive_generator"]

T = TypeVar("T")


class Payloads(Protocol):
    """How the worker's converter looks from here."""

    def encode(self, value: object) -> str | None: ...

    def decode(self, payload: str | None, wanted: Any = None) -> Any: ...

    def name_of(self, function: Callable[..., Any] | str) -> str:
        """The name under which `function` is registered."""

    def result_type(self, function: Callable[..., Any] | str) -> Any:
        """The annotated result of `function`, None if it has none."""


class OrchestrationContext:
    """One orchestration's view of itself and its way to ask for durable work."""

    def __init__(self, replay: Replay, payloads: Payloads) -> None:
        self._replay = replay
        self._payloads = payloads
        self._guids = 0
        self._random: random.Random | None = None

    # -- who and when ---------------------------------------------------------------------------------------------

    @property
    def instance_id(self) -> str:
        """The id of this instance."""
        return self._replay.instance_id

    @property
    def name(self) -> str:
        """The name under which the orchestrator was started."""
        return self._replay.started.name if self._replay.started is not None else ""

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

    # -- work -----------------------------------------------------------------------------------------------------

    @overload
    def call_activity(
        self,
        activity: Callable[..., Coroutine[Any, Any, T]],
        *,
        input: object = ...,
        retry_policy: RetryPolicy | None = ...,
        app_id: str | None = ...,
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
        return_type: type[T],
    ) -> DurableFuture[T]: ...
    @overload
    def call_activity(
        self,
        activity: str,
        *,
        input: object = ...,
        retry_policy: RetryPolicy | None = ...,
        app_id: str | None = ...,
        return_type: None = ...,
    ) -> DurableFuture[Any]: ...
    def call_activity(
        self,
        activity: Callable[..., Any] | str,
        *,
        input: object = None,
        retry_policy: RetryPolicy | None = None,
        app_id: str | None = None,
        return_type: Any = None,
    ) -> DurableFuture[Any]:
        """Run an activity, given as a function or by name.

        The future's result is what the activity returned, decoded to `return_type` or to the function's annotation.
        It fails with TaskFailedError when the activity failed (and, with a `retry_policy`, no attempt succeeded).
        """
        return self._replay.call_activity(
            self._payloads.name_of(activity),
            self._payloads.encode(input),
            self._decoder(activity, return_type),
            retry=retry_policy,
            router=None if app_id is None else Router(target_app_id=app_id),
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
        return_type: Any = ...,
    ) -> DurableFuture[Any]: ...
    def call_child_orchestrator(
        self,
        orchestrator: Callable[..., Any] | str,
        *,
        input: object = None,
        instance_id: str | None = None,
        retry_policy: RetryPolicy | None = None,
        app_id: str | None = None,
        return_type: Any = None,
    ) -> DurableFuture[Any]:
        """Run another orchestration as a child and await its result.

        Without `instance_id` the child's id is this instance's, a colon and the action's number in four hex digits.
        The future fails with TaskFailedError when the child failed or was terminated.
        """
        return self._replay.call_child(
            self._payloads.name_of(orchestrator),
            self._payloads.encode(input),
            self._decoder(orchestrator, return_type),
            instance_id=instance_id or "",
            retry=retry_policy,
            router=None if app_id is None else Router(target_app_id=app_id),
        )

    #: The name of `call_child_orchestrator` in earlier SDKs.
    call_sub_orchestrator = call_child_orchestrator

    def create_timer(self, fire_at: timedelta | datetime) -> DurableFuture[None]:
        """A durable timer: after a timedelta from now, or at a datetime (naive ones mean UTC)."""
        if isinstance(fire_at, timedelta):
            return self._replay.create_timer(self._replay.now + clock.from_timedelta(fire_at))
        return self._replay.create_timer(clock.from_datetime(fire_at))

    def sleep(self, delay: float | timedelta) -> DurableFuture[None]:
        """A durable timer that fires after `delay`, in seconds unless it is a timedelta."""
        return self._replay.create_timer(self._replay.now + _nanoseconds(delay))

    def wait_for_external_event(
        self, name: str, *, timeout: float | timedelta | None = None, data_type: Any = None
    ) -> DurableFuture[Any]:
        """The data of the next external event called `name` (in any case), the oldest unread one first.

        timeout: seconds or a timedelta; when it passes the future fails with TimeoutError.  None waits for ever.
        """
        return self._replay.wait_for_event(
            name,
            lambda payload: self._payloads.decode(payload, data_type),
            timeout=None if timeout is None else _nanoseconds(timeout),
        )

    def continue_as_new(self, input: object = None, *, save_events: bool = False) -> None:
        """Start over as a new execution with an empty history, once the function returns or awaits.

        save_events: carry unread external events over.  Whatever else was asked for in this turn is not carried out.
        """
        self._replay.continue_as_new(self._payloads.encode(input), save_events=save_events)

    def set_custom_status(self, status: object) -> None:
        """Show `status`, any JSON value, in the instance's state until another one is set."""
        self._replay.custom_status = self._payloads.encode(status)

    # -- together -------------------------------------------------------------------------------------------------

    def when_all(self, awaitables: Iterable[Awaitable[T]]) -> DurableFuture[list[T]]:
        """Every result, in the order given; fails with the first failure.  Coroutines are started as tasks."""
        return _when_all([self._future(each) for each in awaitables])

    def when_any(self, awaitables: Iterable[Awaitable[Any]]) -> DurableFuture[DurableFuture[Any]]:
        """The first to have an outcome: the very future passed in (for a coroutine, the future of its task)."""
        return _when_any([self._future(each) for each in awaitables])

    def when_any_with_result(self, awaitables: Iterable[Awaitable[T]]) -> DurableFuture[tuple[int, T]]:
        """The first to have an outcome, as its position in the order given and its result; its failure is raised."""
        futures = [self._future(each) for each in awaitables]
        first = _when_any(futures)

        def settle(combined: DurableFuture[tuple[int, T]], first: DurableFuture[DurableFuture[T]]) -> None:
            winner = first.get_result()
            if winner.is_failed:
                combined.fail(cast(BaseException, winner.get_exception()))
            else:
                position = next(index for index, each in enumerate(futures) if each is winner)
                combined.complete((position, winner.get_result()))

        return combine("when_any_with_result", [first], settle)

    def gather(self, *awaitables: Awaitable[Any], return_exceptions: bool = False) -> DurableFuture[list[Any]]:
        """Every result, in the order given; with `return_exceptions` failures are values in the list."""
        futures = [self._future(each) for each in awaitables]
        if not return_exceptions:
            return _when_all(futures)
        missing = len(futures)

        def settle(combined: DurableFuture[list[Any]], member: DurableFuture[Any]) -> None:
            nonlocal missing
            missing -= 1
            if missing == 0:
                combined.complete([_outcome(each) for each in futures])

        combined = combine(f"gather of {missing}", futures, settle)
        if not futures:
            combined.complete([])
        return combined

    def with_timeout(self, awaitable: Awaitable[T], timeout: float | timedelta) -> DurableFuture[T]:
        """The result of `awaitable`; fails with TimeoutError when `timeout` (seconds or a timedelta) passes first."""
        future = self._future(awaitable)

        def settle(combined: DurableFuture[T], member: DurableFuture[Any]) -> None:
            if member is not future:
                combined.fail(TimeoutError(f"{future!r} had no outcome within {timeout}"))
            elif member.is_failed:
                combined.fail(cast(BaseException, member.get_exception()))
            else:
                combined.complete(member.get_result())

        return combine("with_timeout", [future, self.sleep(timeout)], settle)

    # -- deterministic values ---------------------------------------------------------------------------------------

    def new_guid(self) -> uuid.UUID:
        """A UUID that is the same on every replay and never repeats.

        The scheme is the one the .NET, Go and Python SDKs share: a version 5 UUID of the instance id, the current time
        and a counter, in their common namespace.
        """
        moment = self.current_utc_datetime.strftime("%Y-%m-%dT%H:%M:%S.%fZ")
        self._guids += 1
        return uuid.uuid5(GUID_NAMESPACE, f"{self.instance_id}_{moment}_{self._guids - 1}")

    uuid4 = new_guid

    def random(self) -> random.Random:
        """The instance's own random stream: seeded by the instance and its execution, never restarted."""
        if self._random is None:
            started = self._replay.started
            execution = started.execution_id if started is not None else None
            self._random = random.Random(f"{self.instance_id}|{execution or ''}")
        return self._random

    # -- inside -----------------------------------------------------------------------------------------------------

    def _decoder(self, function: Callable[..., Any] | str, wanted: Any) -> Callable[[str | None], Any]:
        kind = wanted if wanted is not None else self._payloads.result_type(function)
        return lambda payload: self._payloads.decode(payload, kind)

    def _future(self, awaitable: Awaitable[T]) -> DurableFuture[T]:
        if isinstance(awaitable, DurableFuture):
            return awaitable
        if inspect.iscoroutine(awaitable):
            return self._replay.spawn(awaitable, awaitable.__qualname__)
        raise TypeError(
            f"expected what the context's calls return or a coroutine of the orchestration, got {awaitable!r}"
        )


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
            except GeneratorExit:
                generator.close()
                raise
            except BaseException as error:
                wanted = generator.throw(error)
            else:
                wanted = generator.send(value)
    except StopIteration as stop:
        return stop.value


def _outcome(future: DurableFuture[Any]) -> Any:
    return future.get_exception() if future.is_failed else future.get_result()


def _nanoseconds(delay: float | timedelta) -> int:
    if isinstance(delay, timedelta):
        return clock.from_timedelta(delay)
    if delay != delay:
        raise ValueError("a delay must be a number of seconds, got NaN")
    # An endless delay is a timer that never fires.
    return clock.FOREVER if delay == float("inf") else round(delay * 1_000_000) * 1000
