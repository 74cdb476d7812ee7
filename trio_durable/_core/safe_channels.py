"""Async generators made safe: run in a task of their own, read through a channel."""

from __future__ import annotations

from collections.abc import AsyncGenerator, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import wraps
from typing import Any

from trio_durable._core.channels import MemoryReceiveChannel, MemorySendChannel, open_memory_channel
from trio_durable._core.nurseries import NurseryManager, TaskStatus, raise_as_it_is
from trio_durable._core.sync import Semaphore
from trio_durable._core.tasks import current_scheduler

__all__ = ["as_safe_channel"]


class _Requesting:
    """A receiving end that asks for each item before it waits, so that the generator never runs ahead."""

    __slots__ = ("_channel", "_wanted")

    def __init__(self, channel: MemoryReceiveChannel[Any], wanted: Semaphore) -> None:
        self._channel = channel
        self._wanted = wanted

    async def receive(self) -> Any:
        self._wanted.release()
        return await self._channel.receive()

    async def aclose(self) -> None:
        await self._channel.aclose()

    def __aiter__(self) -> _Requesting:
        return self

    async def __anext__(self) -> Any:
        ended = current_scheduler().words.EndOfChannel
        try:
            return await self.receive()
        except ended:
            raise StopAsyncIteration from None

    async def __aenter__(self) -> _Requesting:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    def __enter__(self) -> _Requesting:
        return self

    def __exit__(self, *exc: object) -> None:
        self._channel.close()


def as_safe_channel(
    generator: Callable[..., AsyncGenerator[Any, None]],
) -> Callable[..., AbstractAsyncContextManager[Any]]:
    """Decorate an async generator function, which may then open nurseries and cancel scopes around its `yield`.

        async with countdown(3) as channel:
            async for value in channel: ...
    """

    @asynccontextmanager
    @wraps(generator)
    async def opened(*args: Any, **kwargs: Any) -> AsyncGenerator[Any, None]:
        send, receive = open_memory_channel(0)
        wanted = Semaphore(0)
        try:
            async with NurseryManager(True) as nursery:
                await nursery.start(_pump, generator(*args, **kwargs), send, wanted)
                with _Requesting(receive, wanted) as channel:
                    yield channel
                nursery.cancel_scope.cancel("exited trio.as_safe_channel context manager")
        except BaseExceptionGroup as group:
            only = _what_matters(group)
            if only is None:
                group.add_note("Both the body and the generator raised: neither can stand for the other.")
                raise group from None
            raise_as_it_is(only)

    return opened


async def _pump(
    items: AsyncGenerator[Any, None], send: MemorySendChannel[Any], wanted: Semaphore, task_status: TaskStatus
) -> None:
    broken = current_scheduler().words.BrokenResourceError
    with send:
        try:
            task_status.started()
            while True:
                await wanted.acquire()
                if not send._channel.receiving_ends:
                    return
                try:
                    value = await items.__anext__()
                except StopAsyncIteration:
                    return
                try:
                    await send.send(value)
                except broken:
                    return
        finally:
            await items.aclose()


def _what_matters(group: BaseExceptionGroup[BaseException]) -> BaseException | None:
    """The only member that is no cancellation, or a cancellation if there is nothing else; None if there are several.

    It may be a group itself, if that is what the body or the generator raised.
    """
    cancelled = current_scheduler().words.Cancelled
    others = [each for each in group.exceptions if not isinstance(each, cancelled)]
    if len(others) > 1:
        return next((each for each in others if isinstance(each, SystemExit)), None)
    return others[0] if others else group.exceptions[0]
