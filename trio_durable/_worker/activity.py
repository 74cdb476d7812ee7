"""Running one activity: `async def` ones as Trio tasks, plain ones in Trio's threads.

Activities run in the real world, outside of any sandbox, at least once each.
"""

from __future__ import annotations

import inspect
import logging
from collections import OrderedDict
from collections.abc import Callable
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import trio
from trio.lowlevel import disable_ki_protection

from trio_durable import _converter
from trio_durable._core.envelope import unseal
from trio_durable._core.failures import FailureDetails
from trio_durable._core.retry import attempt_of_version
from trio_durable._core.view import PropagatedHistory
from trio_durable._durable.context import SEND_EVENT
from trio_durable._durable.travel import TRACE_STATE
from trio_durable._errors import NotFoundError, NotRegisteredError, PayloadError, SidecarError
from trio_durable._rpc import GRPCError, is_unknown_instance
from trio_durable._wire import calls
from trio_durable._wire.requests import Activity, ActivityResult
from trio_durable._worker.inputs import Input
from trio_durable._worker.propagated import shown
from trio_durable._worker.registry import Registry

__all__ = ["ActivityContext", "ActivityRunner"]


@dataclass(frozen=True, slots=True)
class ActivityContext:
    """What an activity knows of the call it serves.

    orchestration_id: the instance that called.  task_id: the number of the call's action; an attempt has its own.
    task_execution_id: the same for all attempts of one call, so it is a key for making effects idempotent.
    attempt: the number of the attempt, from 1; the orchestration sends it along, whichever worker an attempt meets
    (docs/metadata.md).  Orchestrations of other SDKs do not: then it is what this worker has seen of the call.
    trace_parent, trace_state: the caller's W3C trace context.  metadata: what the orchestration set.
    propagated_history: what the caller handed down of its history, the eldest first; empty where the call did not ask
    for that or the sidecar does not do it.
    """

    orchestration_id: str
    name: str
    task_id: int
    task_execution_id: str = ""
    trace_parent: str | None = None
    trace_state: str | None = None
    attempt: int = 1
    metadata: dict[str, str] = field(default_factory=dict)
    propagated_history: tuple[PropagatedHistory, ...] = ()

    @property
    def workflow_id(self) -> str:
        """The name of `orchestration_id` in Dapr's SDK."""
        return self.orchestration_id


logger = logging.getLogger("trio_durable.worker")

#: Calls whose attempts are counted; beyond that the oldest are forgotten.
_REMEMBERED_CALLS = 10_000


class ActivityRunner:
    """Runs the registered activities, at most `limit` at a time: each inside a `slot`."""

    def __init__(self, registry: Registry, converter: Any, limit: int) -> None:
        self._registry = registry
        self._converter = converter
        self._limit = trio.CapacityLimiter(limit)
        self._threads = trio.CapacityLimiter(limit)
        self._inputs: dict[str, Input] = {}
        self._attempts: OrderedDict[str, dict[int, None]] = OrderedDict()
        self._stub: Any = None

    def connect(self, stub: Any) -> None:
        """The stub by which built-in activities reach the sidecar."""
        self._stub = stub

    @property
    def running(self) -> int:
        """How many activities hold a slot."""
        return self._limit.borrowed_tokens

    def slot(self) -> _Borrowed:
        """One of the `limit` places; whoever runs an activity holds one."""
        # A fresh borrower each: one Trio task may not hold two tokens of a limiter.
        return _Borrowed(self._limit)

    async def run(self, activity: Activity, completion_token: str = "") -> ActivityResult:
        """What the activity returned, or how it failed.  Cancelling abandons a plain activity's thread."""
        outcome = ActivityResult(activity.instance_id, activity.task_id, completion_token=completion_token)
        try:
            outcome.result = await self._call(activity)
        except (Exception, SystemExit) as error:
            # SystemExit is how plain programs, command-line parsers among them, give up: it ends the activity, and not
            # a worker that others rely on.
            failure = outcome.failure = FailureDetails.from_exception(error)
            # The stack travels with the failure; here it is for those who look closely.
            logger.warning(
                "activity %r of instance %r failed: %s: %s",
                activity.name,
                activity.instance_id,
                failure.error_type,
                failure.error_message.partition("\n")[0],
                exc_info=error if logger.isEnabledFor(logging.DEBUG) else None,
            )
        return outcome

    async def _call(self, activity: Activity) -> str | None:
        if activity.name == SEND_EVENT:
            await self._send_event(activity)
            return None
        registered = self._registry.activities.get(activity.name)
        if registered is None:
            known = ", ".join(repr(name) for name in sorted(self._registry.activities)) or "none"
            raise NotRegisteredError(
                f"this worker has no activity {activity.name!r}, which instance {activity.instance_id!r} called; "
                f"it has {known}. Call worker.add_activity(...) with it, or call it under a name that exists."
            )
        function = registered.function
        payload, metadata = unseal(activity.input)
        trace = activity.trace_context
        states = [metadata.get(TRACE_STATE, ""), (trace.trace_state or "") if trace is not None else ""]
        context = ActivityContext(
            activity.instance_id,
            activity.name,
            activity.task_id,
            activity.task_execution_id,
            trace.trace_parent if trace is not None else None,
            ",".join(filter(None, states)) or None,
            self._attempt(activity),
            metadata,
            shown(activity.propagated),
        )
        taken = self._inputs.get(activity.name)
        if taken is None:  # looked up at the first call and kept
            taken = self._inputs[activity.name] = Input.of(function, self._registry.hints)
        arguments = taken.arguments(context, payload, self._converter, f"activity {activity.name!r}")
        result = await self._invoke(function, arguments)
        try:
            return _converter.encode(self._converter, result)
        except PayloadError as error:
            raise PayloadError(f"the result of activity {activity.name!r}: {error}") from error

    def _attempt(self, activity: Activity) -> int:
        """Which attempt of its call this is; a repeated delivery of one attempt counts once."""
        told = attempt_of_version(activity.version)
        if told is not None:
            return told
        if not activity.task_execution_id:
            return 1
        seen = self._attempts.pop(activity.task_execution_id, {})
        seen.setdefault(activity.task_id)
        self._attempts[activity.task_execution_id] = seen
        if len(self._attempts) > _REMEMBERED_CALLS:
            self._attempts.popitem(last=False)
        return list(seen).index(activity.task_id) + 1

    async def _send_event(self, activity: Activity) -> None:
        """The built-in activity behind `ctx.send_event`."""
        wanted = _converter.decode(self._converter, activity.input)
        instance_id = wanted["instance_id"]
        try:
            await self._stub.raise_event(calls.raise_event(instance_id, wanted["name"], wanted["data"]))
        except GRPCError as error:
            said = error.message or error.status.name
            if is_unknown_instance(error):
                raise NotFoundError(f"there is no orchestration instance {instance_id!r}: {said}") from error
            raise SidecarError(f"the event {wanted['name']!r} could not be sent to {instance_id!r}: {said}") from error

    @disable_ki_protection  # the user's code may be interrupted, the worker's own is not (serve.py)
    async def _invoke(self, function: Callable[..., Any], arguments: tuple[Any, ...]) -> Any:
        if _is_async(function):
            try:
                return await function(*arguments)
            except RuntimeError as error:
                if "no running event loop" not in str(error):
                    raise
                raise RuntimeError(
                    f"{error}: async activities run on Trio. Write Trio's words in them (`trio.sleep`), or let a plain "
                    "function call `asyncio.run(...)`: plain activities run in threads"
                ) from error
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
