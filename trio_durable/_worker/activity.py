"""Running one activity: `async def` ones as Trio tasks, plain ones in Trio's threads.

Activities run in the real world, outside of any sandbox, at least once each.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import trio

from trio_durable import _converter
from trio_durable._core.failures import FailureDetails
from trio_durable._errors import NotRegisteredError, PayloadError
from trio_durable._wire.requests import Activity, ActivityResult
from trio_durable._worker.registry import Registry, takes_input, value_hint

__all__ = ["ActivityContext", "ActivityRunner"]


@dataclass(frozen=True, slots=True)
class ActivityContext:
    """What an activity knows of the call it serves.

    orchestration_id: the instance that called.  task_id: the number of the call's action; an attempt has its own.
    task_execution_id: the same for all attempts of one call, so it is a key for making effects idempotent.
    """

    orchestration_id: str
    name: str
    task_id: int
    task_execution_id: str = ""
    trace_parent: str | None = None
    trace_state: str | None = None

    @property
    def workflow_id(self) -> str:
        """The name of `orchestration_id` in Dapr's SDK."""
        return self.orchestration_id


class ActivityRunner:
    """Runs the registered activities, at most `limit` at a time: each inside a `slot`."""

    def __init__(self, registry: Registry, converter: Any, limit: int) -> None:
        self._registry = registry
        self._converter = converter
        self._limit = trio.CapacityLimiter(limit)
        self._threads = trio.CapacityLimiter(limit)
        self._inputs: dict[str, tuple[bool, Any]] = {}

    def slot(self) -> _Borrowed:
        """One of the `limit` places; whoever runs an activity holds one."""
        # A fresh borrower each: one Trio task may not hold two tokens of a limiter.
        return _Borrowed(self._limit)

    async def run(self, activity: Activity, completion_token: str = "") -> ActivityResult:
        """What the activity returned, or how it failed.  Cancelling abandons a plain activity's thread."""
        outcome = ActivityResult(activity.instance_id, activity.task_id, completion_token=completion_token)
        try:
            outcome.result = await self._call(activity)
        except Exception as error:
            outcome.failure = FailureDetails.from_exception(error)
        return outcome

    async def _call(self, activity: Activity) -> str | None:
        registered = self._registry.activities.get(activity.name)
        if registered is None:
            known = ", ".join(repr(name) for name in sorted(self._registry.activities)) or "none"
            raise NotRegisteredError(
                f"this worker has no activity {activity.name!r}, which instance {activity.instance_id!r} called; "
                f"it has {known}. Call worker.add_activity(...) with it, or call it under a name that exists."
            )
        function = registered.function
        trace = activity.trace_context
        context = ActivityContext(
            activity.instance_id,
            activity.name,
            activity.task_id,
            activity.task_execution_id,
            trace.trace_parent if trace is not None else None,
            trace.trace_state if trace is not None else None,
        )
        arguments: tuple[Any, ...] = (context,)
        takes, hint = self._input_of(activity.name, function)
        if takes:
            try:
                arguments = (context, _converter.decode(self._converter, activity.input, hint))
            except PayloadError as error:
                raise PayloadError(f"the input of activity {activity.name!r}: {error}") from error
        result = await self._invoke(function, arguments)
        try:
            return _converter.encode(self._converter, result)
        except PayloadError as error:
            raise PayloadError(f"the result of activity {activity.name!r}: {error}") from error

    def _input_of(self, name: str, function: Callable[..., Any]) -> tuple[bool, Any]:
        """Whether `function` takes an input, and its type hint; looked up at the first call and kept."""
        known = self._inputs.get(name)
        if known is None:
            known = self._inputs[name] = takes_input(function), value_hint(function)
        return known

    async def _invoke(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        if _is_async(function):
            return await function(*arguments)
        return await trio.to_thread.run_sync(
            partial(function, *arguments), abandon_on_cancel=True, limiter=self._threads
        )


class _Borrowed:
    """One token of a limiter, held in the name of this block."""

    def __init__(self, limiter: trio.CapacityLimiter) -> None:
        self._limiter = limiter

    async def __aenter__(self) -> None:
        await self._limiter.acquire_on_behalf_of(self)

    async def __aexit__(self, *exc: object) -> None:
        self._limiter.release_on_behalf_of(self)


def _is_async(function: Callable[..., Any]) -> bool:
    while isinstance(function, partial):
        function = function.func
    return inspect.iscoroutinefunction(function) or inspect.iscoroutinefunction(type(function).__call__)
