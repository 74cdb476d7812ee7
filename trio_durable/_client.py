"""The client: starts orchestrations, looks at them, steers them."""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack
from dataclasses import dataclass, field
from datetime import datetime
from types import TracebackType
from typing import Any, NoReturn, TypeVar

import trio

from trio_durable import _converter
from trio_durable._converter import JsonConverter
from trio_durable._core import clock
from trio_durable._core.events import Status
from trio_durable._core.failures import FailureDetails
from trio_durable._errors import (
    AlreadyExistsError,
    NotFoundError,
    OrchestrationFailedError,
    SidecarError,
    UnavailableError,
)
from trio_durable._rpc import GRPCError, RpcStatus, Stub, open_channel
from trio_durable._wire import calls
from trio_durable._wire.states import CreateInstance, InstanceState, create_to_pb, state_from_response

__all__ = ["Client", "OrchestrationState"]

T = TypeVar("T")

DEFAULT_ADDRESS = "127.0.0.1:4001"
#: A wait survives the loss of its sidecar for this long.
AWAY_SECONDS = 60.0
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0


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
    _converter: Any = field(default=None, repr=False, compare=False)

    @property
    def is_complete(self) -> bool:
        """Whether the instance has ended, however it did."""
        return self.runtime_status.is_terminal

    def get_input(self, wanted: Any = None) -> Any:
        """The input, as a `wanted` if a type is given; raises PayloadError if it is not one."""
        return _converter.decode(self._converter, self.serialized_input, wanted)

    def get_output(self, wanted: Any = None) -> Any:
        """The result, as a `wanted` if a type is given; raises PayloadError if it is not one."""
        return _converter.decode(self._converter, self.serialized_output, wanted)

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


class Client:
    """Talks to one sidecar; an async context manager.

        async with Client("127.0.0.1:4001") as client:
            instance_id = await client.schedule_new_orchestration(fulfil, input=order)
            state = await client.wait_for_orchestration_completion(instance_id)

    target: the sidecar's address, or a channel such as `sidecar.channel()` of an embedded one.
    converter: a `trio_durable.abc.Converter`; it must understand what the workers' one writes.
    channel_options: keyword arguments of the gRPC channel, such as `ssl=`, `metadata=` or `io="thread"`.

    Every method raises UnavailableError when no sidecar answers, SidecarError for what it answers otherwise.
    """

    def __init__(
        self, target: Any = DEFAULT_ADDRESS, *, converter: Any = None, channel_options: dict[str, Any] | None = None
    ) -> None:
        self._target = target
        self._converter = converter if converter is not None else JsonConverter()
        self._channel_options = channel_options or {}
        self._stack = AsyncExitStack()
        self._stub: Any = None

    async def __aenter__(self) -> Client:
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
        tags: dict[str, str] | None = None,
    ) -> str:
        """Start `orchestrator`, a function or a registered name; returns the instance's id.

        instance_id: a random one if not given.  start_at: not before then (a naive datetime means UTC).
        Raises AlreadyExistsError while an instance of that id is running.
        """
        name = orchestrator if isinstance(orchestrator, str) else orchestrator.__name__
        wanted = instance_id or uuid.uuid4().hex
        request = CreateInstance(
            name=name,
            instance_id=wanted,
            input=_converter.encode(self._converter, input),
            scheduled_start=None if start_at is None else clock.from_datetime(start_at),
            tags=dict(tags or {}),
        )
        response = await self._call("start_instance", create_to_pb(request), wanted)
        return str(response.instance_id or wanted)

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

    # -- steering -------------------------------------------------------------------------------------------------

    async def raise_orchestration_event(self, instance_id: str, event_name: str, *, data: object = None) -> None:
        """Send the instance an external event; it is kept until the orchestration waits for one of that name."""
        payload = _converter.encode(self._converter, data)
        await self._call("raise_event", calls.raise_event(instance_id, event_name, payload), instance_id)

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
        return OrchestrationState(
            instance_id=state.instance_id,
            name=state.name,
            runtime_status=state.status,
            created_at=clock.to_datetime(state.created_at),
            last_updated_at=clock.to_datetime(state.last_updated_at),
            serialized_input=state.input,
            serialized_output=state.output,
            serialized_custom_status=state.custom_status,
            failure_details=state.failure,
            parent_instance_id=state.parent_instance_id,
            _converter=self._converter,
        )

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
                f"an orchestration instance {instance_id!r} exists already: {said}. Choose another instance id, wait "
                "for that one to end, or terminate it."
            ) from error
        if error.status is RpcStatus.NOT_FOUND or "no such instance" in said:
            raise NotFoundError(f"there is no orchestration instance {instance_id!r}: {said}") from error
        raise SidecarError(f"the sidecar at {self._target} answered {error.status.name}: {said}") from error
