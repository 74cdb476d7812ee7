"""The way to a sidecar: its channel, open or not, and what a failed call means."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, NoReturn, TypeVar, cast

from trio_durable._errors import AlreadyExistsError, NotFoundError, SidecarError, UnavailableError
from trio_durable._rpc import (
    GRPCError,
    RpcStatus,
    Stub,
    Target,
    channel_settings,
    default_address,
    is_unknown_instance,
    open_channel,
)

__all__ = ["Door"]

M = TypeVar("M")
R = TypeVar("R")


class Door:
    """One sidecar's service; an async context manager.

    target: an address, an open channel, or None for the environment's address.  options: of a channel it opens.
    """

    def __init__(self, target: Target | None, options: dict[str, Any] | None) -> None:
        self.target: Target = default_address() if target is None else target
        self.options = channel_settings(options)
        self._stack = AsyncExitStack()
        self._stub: Stub | None = None

    async def __aenter__(self) -> Door:
        channel: Any = self.target
        await self._stack.__aenter__()
        if isinstance(channel, str):
            channel = await self._stack.enter_async_context(open_channel(channel, **self.options))
        self._stub = cast("Callable[[Any], Stub]", Stub)(channel)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        self._stub = None
        return await self._stack.__aexit__(kind, error, traceback)

    async def call(self, method: Callable[[Stub, M], Awaitable[R]], message: M, instance_id: str = "") -> R:
        """Call `method` of the service about `instance_id`; raises SidecarError, or one of those below it."""
        if self._stub is None:
            raise RuntimeError("the client is not open: use it inside `async with Client(...) as client:`")
        try:
            return await method(self._stub, message)
        except GRPCError as error:
            self._fail(error, instance_id)

    def _fail(self, error: GRPCError, instance_id: str) -> NoReturn:
        said = error.message or error.status.name
        if error.status is RpcStatus.UNAVAILABLE:
            raise UnavailableError(
                f"no sidecar answers at {self.target}: {said}. Is it running, and is this its address? "
                "`trio-durable sidecar` starts one."
            ) from error
        if error.status is RpcStatus.ALREADY_EXISTS:
            raise AlreadyExistsError(
                f"an orchestration instance {instance_id!r} exists already. Choose another instance id, wait for that "
                f"one to end, or terminate it. (The sidecar: {said.rstrip('.')}.)"
            ) from error
        if is_unknown_instance(error):
            raise NotFoundError(f"there is no orchestration instance {instance_id!r}: {said}") from error
        raise SidecarError(f"the sidecar at {self.target} answered {error.status.name}: {said}") from error
