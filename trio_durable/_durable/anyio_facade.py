"""What `import anyio` gives inside an orchestration: the part of it that waits, over the durable Trio.

The sandbox refuses anyio's other names.  Errors are Trio's, under anyio's names: `anyio.EndOfStream` is
`trio.EndOfChannel`.
"""

from __future__ import annotations

from types import SimpleNamespace, TracebackType
from typing import Any

from trio_durable._core import channels, nurseries, scopes, sync, timeouts
from trio_durable._core.tasks import (
    cancel_shielded_checkpoint,
    checkpoint,
    checkpoint_if_cancelled,
    current_scheduler,
)
from trio_durable._durable.vocabulary import TASK_STATUS_IGNORED, TRIO

__all__ = ["DURABLE", "LOWLEVEL", "anyio_facade"]


class TaskGroup:
    """anyio's name for a nursery."""

    def __init__(self) -> None:
        self._manager = nurseries.NurseryManager(True)

    def __repr__(self) -> str:
        return "<anyio.TaskGroup>"

    async def __aenter__(self) -> TaskGroup:
        self._nursery = await self._manager.__aenter__()
        self.cancel_scope = self._nursery.cancel_scope
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        return await self._manager.__aexit__(kind, error, traceback)

    def start_soon(self, func: Any, *args: Any, name: object = None) -> None:
        """Run `await func(*args)` as a child task."""
        self._nursery.start_soon(func, *args, name=name)

    async def start(self, func: Any, *args: Any, name: object = None) -> Any:
        """Run it and wait until it calls `task_status.started(value)`; that value."""
        return await self._nursery.start(func, *args, name=name)


class fail_after:
    """A block that ends with TimeoutError when it lasts longer than `delay` seconds; None for no limit."""

    def __init__(self, delay: float | None, shield: bool = False) -> None:
        self._scope = move_on_after(delay, shield)

    def __enter__(self) -> scopes.CancelScope:
        return self._scope.__enter__()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        caught = self._scope.__exit__(kind, error, traceback)
        if self._scope.cancelled_caught and current_scheduler().time() >= self._scope.deadline:
            raise TimeoutError
        return caught


def move_on_after(delay: float | None, shield: bool = False) -> scopes.CancelScope:
    """A block that is left quietly `delay` seconds after it was entered; None for no limit, below 0 is 0."""
    return scopes.CancelScope(shield=shield) if delay is None else timeouts.move_on_after(max(delay, 0), shield=shield)


def create_task_group() -> TaskGroup:
    """`async with create_task_group() as group:` waits for every child when the block is left."""
    return TaskGroup()


def get_cancelled_exc_class() -> type[BaseException]:
    """The class of cancellations: `trio.Cancelled`."""
    return TRIO.Cancelled


class create_memory_object_stream(channels.open_memory_channel):
    """`send, receive = create_memory_object_stream(n)`: a stream that buffers `n` values (inf: any number)."""

    __slots__ = ()

    def __new__(cls, max_buffer_size: float = 0) -> Any:
        return channels.open_memory_channel.__new__(cls, max_buffer_size)


DURABLE: dict[str, Any] = {
    "BrokenResourceError": TRIO.BrokenResourceError,
    "BusyResourceError": TRIO.BusyResourceError,
    "CancelScope": scopes.CancelScope,
    "CapacityLimiter": sync.CapacityLimiter,
    "ClosedResourceError": TRIO.ClosedResourceError,
    "Condition": sync.Condition,
    "EndOfStream": TRIO.EndOfChannel,
    "Event": sync.Event,
    "Lock": sync.Lock,
    "Semaphore": sync.Semaphore,
    "TASK_STATUS_IGNORED": TASK_STATUS_IGNORED,
    "WouldBlock": TRIO.WouldBlock,
    "create_memory_object_stream": create_memory_object_stream,
    "create_task_group": create_task_group,
    "current_effective_deadline": timeouts.current_effective_deadline,
    "current_time": timeouts.current_time,
    "fail_after": fail_after,
    "get_cancelled_exc_class": get_cancelled_exc_class,
    "move_on_after": move_on_after,
    "sleep": timeouts.sleep,
    "sleep_forever": timeouts.sleep_forever,
    "sleep_until": timeouts.sleep_until,
}

LOWLEVEL: dict[str, Any] = {
    "cancel_shielded_checkpoint": cancel_shielded_checkpoint,
    "checkpoint": checkpoint,
    "checkpoint_if_cancelled": checkpoint_if_cancelled,
}

_FACADE = SimpleNamespace(**DURABLE, lowlevel=SimpleNamespace(**LOWLEVEL))


def anyio_facade(run: object = None) -> SimpleNamespace:
    """anyio's names; the same object for every run."""
    return _FACADE
