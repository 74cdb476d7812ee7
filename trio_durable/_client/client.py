"""`Client`: one async method for each thing a sidecar can be asked."""

from __future__ import annotations

import json
import uuid
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from datetime import datetime
from enum import Enum
from types import TracebackType
from typing import Any, NoReturn, TypeVar

import trio
from trio_durable_sandbox import in_orchestration, refuse

from trio_durable import _converter
from trio_durable._client.states import OrchestrationState
from trio_durable._converter import JsonConverter
from trio_durable._core import clock
from trio_durable._core.envelope import seal
from trio_durable._core.events import Status
from trio_durable._core.replay import CANCEL_EVENT
from trio_durable._core.view import HistoryEvent, history_event
from trio_durable._errors import (
    AlreadyExistsError,
    NotFoundError,
    PayloadError,
    SidecarError,
    UnavailableError,
)
from trio_durable._rpc import GRPCError, RpcStatus, Stub, channel_settings, default_address, open_channel
from trio_durable._wire import calls
from trio_durable._wire.states import CreateInstance, InstanceState, create_to_pb, state_from_response
from trio_durable.abc import Converter

__all__ = ["UNSET", "Client", "ReuseIdAction", "ReuseIdPolicy"]

T = TypeVar("T")

#: For `input` where None is an input like any other: leave it as it is.
UNSET: Any = object()

#: A wait survives the loss of its sidecar for this long.
AWAY_SECONDS = 60.0
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0


class ReuseIdAction(Enum):
    """What to do if an instance of the wanted id is there and in one of a policy's states."""

    ERROR = "error"
    IGNORE = "ignore"
    TERMINATE = "terminate"


@dataclass(frozen=True, slots=True)
class ReuseIdPolicy:
    """What `schedule_new_orchestration` does about an instance that has the wanted id already.

    In one of `operation_status` (every state, if none is given): ERROR raises AlreadyExistsError, IGNORE starts nothing
    and returns the id, TERMINATE ends and purges the old instance and starts the new one.  In any other state it is
    AlreadyExistsError, too.

    The client looks before it starts, so that every sidecar will do; of two clients that race, one gets
    AlreadyExistsError.
    """

    action: ReuseIdAction = ReuseIdAction.ERROR
    operation_status: frozenset[Status] = frozenset(Status)


class Client:
    """Talks to one sidecar; an async context manager.

        async with Client("127.0.0.1:4001") as client:
            instance_id = await client.schedule_new_orchestration(fulfil, input=order)
            state = await client.wait_for_orchestration_completion(instance_id)

    target: the sidecar's address, or a channel such as `sidecar.channel()` of an embedded one; None takes the address
    from DAPR_GRPC_ENDPOINT, or from DAPR_RUNTIME_HOST and DAPR_GRPC_PORT, or 127.0.0.1:4001.
    converter: a `trio_durable.abc.Converter`; it must understand what the workers' one writes.
    channel_options: keyword arguments of the gRPC channel, such as `ssl=`, `metadata=` or `io="thread"`.  The
    environment's DAPR_API_TOKEN goes with the metadata.

    Every method raises UnavailableError when no sidecar answers, SidecarError for what it answers otherwise.
    """

    def __init__(
        self, target: Any = None, *, converter: Converter | None = None, channel_options: dict[str, Any] | None = None
    ) -> None:
        self._target: Any = default_address() if target is None else target
        self._converter: Converter = converter if converter is not None else JsonConverter()
        self._channel_options = channel_settings(channel_options)
        self._stack = AsyncExitStack()
        self._stub: Any = None

    async def __aenter__(self) -> Client:
        if in_orchestration():
            refuse("trio_durable.Client", "call child orchestrations with the context, or use a client in an activity")
        channel = self._target
        await self._stack.__aenter__()
        if isinstance(channel, str):
            channel = await self._stack.enter_async_context(open_channel(channel, **self._channel_options))
        self._stub = Stub(channel)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        self._stub = None
        return await self._stack.__aexit__(kind, error, traceback)

    # -- starting -------------------------------------------------------------------------------------------------

    async def schedule_new_orchestration(
        self,
        orchestrator: Callable[..., Any] | str,
        *,
        input: object = None,
        instance_id: str | None = None,
        start_at: datetime | None = None,
        reuse_id_policy: ReuseIdPolicy | None = None,
        enforce_unique_id: bool = False,
        version: str | None = None,
        metadata: Mapping[str, str] | None = None,
        tags: Mapping[str, str] | None = None,
    ) -> str:
        """Start `orchestrator`, a function or a registered name; returns the instance's id.

        instance_id: a random one if not given.  start_at: not before then (a naive datetime means UTC).
        reuse_id_policy: what to do if the id is taken.  enforce_unique_id: refuse the id of an ended instance, too.
        version: instead of the workers' latest, where the sidecar passes it on.  metadata: what `ctx.get_metadata()`
        gives at first; it travels inside the input.  tags: kept with the instance.

        Raises AlreadyExistsError while an instance of that id is running.
        """
        name = _name_of(orchestrator)
        given: object = instance_id
        if given is not None and not (isinstance(given, str) and given):
            raise ValueError(f"instance_id must be a string that is not empty, or None for a new one; got {given!r}")
        wanted = instance_id or uuid.uuid4().hex
        try:
            payload = _converter.encode(self._converter, input)
        except PayloadError as error:
            raise PayloadError(f"the input of orchestration {name!r}: {error}") from error
        if reuse_id_policy is not None and instance_id and await self._reuse(reuse_id_policy, wanted):
            return wanted
        request = CreateInstance(
            name=name,
            instance_id=wanted,
            input=seal(payload, metadata or {}),
            version=version,
            scheduled_start=None if start_at is None else clock.from_datetime(start_at),
            tags=dict(tags or {}),
            enforce_unique=enforce_unique_id,
        )
        response = await self._call("start_instance", create_to_pb(request), wanted)
        return str(response.instance_id or wanted)

    async def _reuse(self, policy: ReuseIdPolicy, instance_id: str) -> bool:
        """Whether the instance that is there will do; makes room for another if the policy says so."""
        state = await self.get_orchestration_state(instance_id, fetch_payloads=False)
        if state is None:
            return False
        status = state.runtime_status
        if policy.action is ReuseIdAction.ERROR or status not in policy.operation_status:
            raise AlreadyExistsError(
                f"an orchestration instance {instance_id!r} exists already and is {status.name}, which the reuse "
                "policy refuses. Choose another instance id, or purge that one."
            )
        if policy.action is ReuseIdAction.IGNORE:
            return True
        if not state.is_complete:
            await self.terminate_orchestration(instance_id)
            await self.wait_for_orchestration_completion(instance_id, fetch_payloads=False)
        # Not every sidecar gives the id of an ended instance to another one.
        await self.purge_orchestration(instance_id, recursive=False)
        return False

    # -- looking --------------------------------------------------------------------------------------------------

    async def get_orchestration_state(
        self, instance_id: str, *, fetch_payloads: bool = True
    ) -> OrchestrationState | None:
        """The instance's state; None if there is no such instance."""
        try:
            response = await self._call(
                "get_instance", calls.by_instance(instance_id, payloads=fetch_payloads), instance_id
            )
        except NotFoundError:
            return None
        return self._state(state_from_response(response))

    async def wait_for_orchestration_start(
        self, instance_id: str, *, fetch_payloads: bool = False, timeout: float | None = None
    ) -> OrchestrationState:
        """The state once the instance has started.  timeout: seconds; then TimeoutError.  NotFoundError as below."""
        return await self._wait("wait_for_instance_start", instance_id, fetch_payloads, timeout, "start")

    async def wait_for_orchestration_completion(
        self, instance_id: str, *, fetch_payloads: bool = True, timeout: float | None = None
    ) -> OrchestrationState:
        """The state once the instance has ended, however it did.

        timeout: seconds; when it passes, TimeoutError.  Raises NotFoundError if there is no such instance.  A sidecar
        that goes away during the wait is given a minute to come back.
        """
        return await self._wait("wait_for_instance_completion", instance_id, fetch_payloads, timeout, "completion")

    async def list_instance_ids(self, *, page_size: int | None = None) -> AsyncIterator[str]:
        """The ids of all instances, fetched page by page."""
        continuation: str | None = None
        while True:
            response = await self._call("list_instance_i_ds", calls.list_instances(continuation, page_size), "")
            for instance_id in response.instance_ids:
                yield instance_id
            continuation = response.continuation_token
            if not continuation:
                return

    async def get_orchestration_history(self, instance_id: str) -> list[HistoryEvent]:
        """What has happened to the instance, oldest first.  Raises NotFoundError if there is no such instance."""
        response = await self._call("get_instance_history", calls.history(instance_id), instance_id)
        events = calls.history_events(response)
        if not events and await self.get_orchestration_state(instance_id, fetch_payloads=False) is None:
            raise NotFoundError(f"there is no orchestration instance {instance_id!r}")
        return [history_event(event) for event in events]

    # -- steering -------------------------------------------------------------------------------------------------

    async def raise_orchestration_event(self, instance_id: str, event_name: str, *, data: object = None) -> None:
        """Send the instance an external event; it is kept until the orchestration waits for one of that name."""
        payload = _converter.encode(self._converter, data)
        await self._call("raise_event", calls.raise_event(instance_id, event_name, payload), instance_id)

    async def cancel_orchestration(self, instance_id: str, *, reason: str | None = None) -> None:
        """Ask the orchestration to stop: its code meets a cancellation where it waits.

        `finally` blocks run, and what stands in a shielded cancel scope runs durably to its end; code that lets the
        cancellation through ends the instance as CANCELED.  reason: shown in each `trio.Cancelled`.
        It is an external event of a name of its own, so it needs a worker of this package.
        """
        payload = None if reason is None else json.dumps(reason)
        await self._call("raise_event", calls.raise_event(instance_id, CANCEL_EVENT, payload), instance_id)

    async def terminate_orchestration(
        self, instance_id: str, *, output: object = None, recursive: bool = True
    ) -> None:
        """End the instance now, with `output` as its result; `recursive` ends its children too.

        Its code does not run again: no `finally` block, no cleanup.
        """
        payload = _converter.encode(self._converter, output)
        await self._call("terminate_instance", calls.terminate(instance_id, payload, recursive=recursive), instance_id)

    async def suspend_orchestration(self, instance_id: str, *, reason: str | None = None) -> None:
        """Let the instance do nothing, though not lose anything, until it is resumed."""
        await self._call("suspend_instance", calls.suspend(instance_id, reason), instance_id)

    async def resume_orchestration(self, instance_id: str, *, reason: str | None = None) -> None:
        """Let a suspended instance go on with all that arrived in the meantime."""
        await self._call("resume_instance", calls.resume(instance_id, reason), instance_id)

    async def purge_orchestration(self, instance_id: str, *, recursive: bool = True, force: bool = False) -> int:
        """Forget an instance that has ended; returns how many were forgotten (its children count with `recursive`).

        force: forget it even while it is running; only for instances that no worker will ever run again.
        """
        response = await self._call(
            "purge_instances", calls.purge(instance_id, recursive=recursive, force=force), instance_id
        )
        return int(response.deleted_instance_count)

    async def rerun_orchestration_from_event(
        self,
        instance_id: str,
        event_id: int,
        *,
        new_instance_id: str | None = None,
        input: object = UNSET,
    ) -> str:
        """Start a new instance that has this ended one's history up to an event, and goes on from there.

        event_id: the number of an activity's, child's or timer's event (`HistoryEvent.is_rerunnable`); that work is
        asked for again, with `input` if one is given.  Returns the new instance's id, a random one if none is given.

        Raises NotFoundError if there is no such instance or event, SidecarError if the instance has not ended, and
        where the sidecar cannot do it.
        """
        request = calls.rerun(
            instance_id,
            event_id,
            new_instance_id=new_instance_id or uuid.uuid4().hex,
            payload=None if input is UNSET else _converter.encode(self._converter, input),
            overwrite=input is not UNSET,
        )
        response = await self._call("rerun_workflow_from_event", request, instance_id)
        return str(response.new_instance_id)

    # -- inside ---------------------------------------------------------------------------------------------------

    async def _wait(
        self, method: str, instance_id: str, payloads: bool, timeout: float | None, what: str
    ) -> OrchestrationState:
        with trio.move_on_after(float("inf") if timeout is None else timeout):
            state = self._state(await self._poll(method, instance_id, payloads))
            if state is None:
                raise NotFoundError(f"there is no orchestration instance {instance_id!r}")
            return state
        raise TimeoutError(f"no {what} of orchestration instance {instance_id!r} within {timeout:g} s")

    async def _poll(self, method: str, instance_id: str, payloads: bool) -> InstanceState | None:
        # A first, short answer tells "no sidecar here" from "the sidecar went away while we waited".
        await self._call("hello", calls.hello(), instance_id)
        pause, away_since = FIRST_PAUSE, None
        while True:
            try:
                return state_from_response(
                    await self._call(method, calls.by_instance(instance_id, payloads=payloads), instance_id)
                )
            except UnavailableError:
                now = trio.current_time()
                away_since = away_since if away_since is not None else now
                if now - away_since > AWAY_SECONDS:
                    raise
            await trio.sleep(pause)
            pause = min(pause * 2, LONGEST_PAUSE)

    def _state(self, state: InstanceState | None) -> OrchestrationState | None:
        if state is None:
            return None
        return OrchestrationState.of(state, self._converter)

    async def _call(self, method: str, message: Any, instance_id: str) -> Any:
        if self._stub is None:
            raise RuntimeError("the client is not open: use it inside `async with Client(...) as client:`")
        call: Callable[[Any], Awaitable[Any]] = getattr(self._stub, method)
        try:
            return await call(message)
        except GRPCError as error:
            self._fail(error, instance_id)

    def _fail(self, error: GRPCError, instance_id: str) -> NoReturn:
        said = error.message or error.status.name
        if error.status is RpcStatus.UNAVAILABLE:
            raise UnavailableError(
                f"no sidecar answers at {self._target}: {said}. Is it running, and is this its address? "
                "`trio-durable sidecar` starts one."
            ) from error
        if error.status is RpcStatus.ALREADY_EXISTS:
            raise AlreadyExistsError(
                f"an orchestration instance {instance_id!r} exists already. Choose another instance id, wait for that "
                f"one to end, or terminate it. (The sidecar: {said.rstrip('.')}.)"
            ) from error
        if error.status is RpcStatus.NOT_FOUND or "no such instance" in said:
            raise NotFoundError(f"there is no orchestration instance {instance_id!r}: {said}") from error
        raise SidecarError(f"the sidecar at {self._target} answered {error.status.name}: {said}") from error


def _name_of(orchestrator: Callable[..., Any] | str) -> str:
    """The name by which workers know it."""
    name = orchestrator if isinstance(orchestrator, str) else getattr(orchestrator, "__name__", None)
    if not isinstance(name, str) or not name or name == "<lambda>":
        raise TypeError(f"expected an orchestrator function or the name it is registered under, got {orchestrator!r}")
    return name
