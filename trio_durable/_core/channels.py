"""Memory channels: Trio's, over deterministic tasks.

The rules are Trio's own:

1. A value sent goes to the first receiver that waits, else into the buffer, else the sender waits.
2. Closing every sending end lets receivers take what is buffered and then meet EndOfChannel; closing every receiving
   end gives senders BrokenResourceError and drops the buffer; using a closed end raises ClosedResourceError.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Iterable
from math import inf
from types import GenericAlias
from typing import Any, Generic, TypeVar

from trio_durable._core.parking import Statistics
from trio_durable._core.tasks import (
    Task,
    cancel_shielded_checkpoint,
    checkpoint,
    checkpoint_if_cancelled,
    current_scheduler,
    wait_on,
)

__all__ = ["MemoryReceiveChannel", "MemorySendChannel", "open_memory_channel"]

T = TypeVar("T")

_NOTHING = object()


class _Channel(Generic[T]):
    """What the ends of one channel share."""

    __slots__ = ("buffer", "most", "peak", "receivers", "receiving_ends", "senders", "sending_ends")

    def __init__(self, most: int | float) -> None:
        self.most = most
        self.buffer: deque[T] = deque()
        self.peak = 0
        self.sending_ends = self.receiving_ends = 0
        #: waiting tasks, first come first served
        self.senders: dict[Task, _Sending[T]] = {}
        self.receivers: dict[Task, MemoryReceiveChannel[T]] = {}

    def statistics(self) -> Statistics:
        return Statistics(
            current_buffer_used=len(self.buffer),
            max_buffer_size=self.most,
            open_send_channels=self.sending_ends,
            open_receive_channels=self.receiving_ends,
            tasks_waiting_send=len(self.senders),
            tasks_waiting_receive=len(self.receivers),
            peak_buffer_used=self.peak,
        )


class _End(Generic[T]):
    __slots__ = ("__weakref__", "_channel", "_closed")

    _channel: _Channel[T]

    def statistics(self) -> Statistics:
        """current_buffer_used, max_buffer_size, open_send_channels, open_receive_channels, tasks_waiting_send,
        tasks_waiting_receive, peak_buffer_used.
        """
        return self._channel.statistics()

    def close(self) -> None:
        raise NotImplementedError

    async def aclose(self) -> None:
        """Close this end; a checkpoint."""
        self.close()
        await checkpoint()

    async def __aenter__(self) -> Any:
        return self

    async def __aexit__(self, *exc: object) -> None:
        await self.aclose()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()


class _Sending(Generic[T]):
    """A sender that waits, with its value."""

    __slots__ = ("end", "value")

    def __init__(self, end: MemorySendChannel[T], value: T) -> None:
        self.end = end
        self.value = value

    def park(self, task: Task) -> None:
        self.end._channel.senders[task] = self

    def forget(self, task: Task) -> bool:
        self.end._channel.senders.pop(task, None)
        return True

    def describe(self) -> str:
        channel = self.end._channel
        room = f"room for a value in a memory channel of {channel.most}" if channel.most else "a value to be received"
        return f"{room} (receiving ends that are open: {channel.receiving_ends})"

    def held_up_by(self, task: Task) -> Iterable[Task]:
        return ()


class MemorySendChannel(_End[T]):
    """The sending end of a memory channel."""

    __slots__ = ()

    def __init__(self, channel: _Channel[T]) -> None:
        self._channel = channel
        self._closed = False
        channel.sending_ends += 1

    def __repr__(self) -> str:
        return f"<trio.MemorySendChannel{', closed' if self._closed else ''}>"

    def send_nowait(self, value: T) -> None:
        """Send; raises WouldBlock if nobody receives and the buffer is full."""
        if not self._send(value):
            raise current_scheduler().words.WouldBlock

    async def send(self, value: T) -> None:
        """Send, waiting for a receiver or for room if need be."""
        await checkpoint_if_cancelled()
        if self._send(value):
            await cancel_shielded_checkpoint()
        else:
            await wait_on(_Sending(self, value))

    def _send(self, value: T) -> bool:
        channel = self._channel
        if self._closed:
            raise current_scheduler().words.ClosedResourceError
        if channel.receiving_ends == 0:
            raise current_scheduler().words.BrokenResourceError
        if channel.receivers:
            task = next(iter(channel.receivers))
            del channel.receivers[task]
            task.wake(value)
        elif len(channel.buffer) < channel.most:
            channel.buffer.append(value)
            channel.peak = max(channel.peak, len(channel.buffer))
        else:
            return False
        return True

    def clone(self) -> MemorySendChannel[T]:
        """Another sending end of the same channel."""
        if self._closed:
            raise current_scheduler().words.ClosedResourceError
        return MemorySendChannel(self._channel)

    def close(self) -> None:
        """Close this end; who waits to send through it gets ClosedResourceError."""
        if self._closed:
            return
        self._closed = True
        channel = self._channel
        for task, sending in list(channel.senders.items()):
            if sending.end is self:
                del channel.senders[task]
                task.fail(task._scheduler.words.ClosedResourceError())
        channel.sending_ends -= 1
        if channel.sending_ends == 0:
            receivers, channel.receivers = channel.receivers, {}
            for task in receivers:
                task.fail(task._scheduler.words.EndOfChannel())


class MemoryReceiveChannel(_End[T]):
    """The receiving end of a memory channel; `async for` receives until it is closed on the other side."""

    __slots__ = ()

    def __init__(self, channel: _Channel[T]) -> None:
        self._channel = channel
        self._closed = False
        channel.receiving_ends += 1

    def __repr__(self) -> str:
        return f"<trio.MemoryReceiveChannel{', closed' if self._closed else ''}>"

    def receive_nowait(self) -> T:
        """What was sent first; raises WouldBlock if there is nothing yet."""
        value = self._receive()
        if value is _NOTHING:
            raise current_scheduler().words.WouldBlock
        return value  # type: ignore[no-any-return]

    async def receive(self) -> T:
        """What was sent first, waiting for it if need be."""
        await checkpoint_if_cancelled()
        value = self._receive()
        if value is _NOTHING:
            return await wait_on(self)  # type: ignore[no-any-return]
        await cancel_shielded_checkpoint()
        return value  # type: ignore[no-any-return]

    def park(self, task: Task) -> None:
        self._channel.receivers[task] = self

    def forget(self, task: Task) -> bool:
        self._channel.receivers.pop(task, None)
        return True

    def describe(self) -> str:
        return f"a value from a memory channel (sending ends that are open: {self._channel.sending_ends})"

    def held_up_by(self, task: Task) -> Iterable[Task]:
        return ()

    def _receive(self) -> Any:
        channel = self._channel
        if self._closed:
            raise current_scheduler().words.ClosedResourceError
        if channel.senders:
            task = next(iter(channel.senders))
            sending = channel.senders.pop(task)
            task.wake()
            channel.buffer.append(sending.value)
        if channel.buffer:
            return channel.buffer.popleft()
        if not channel.sending_ends:
            raise current_scheduler().words.EndOfChannel
        return _NOTHING

    def clone(self) -> MemoryReceiveChannel[T]:
        """Another receiving end of the same channel: each value goes to one of them."""
        if self._closed:
            raise current_scheduler().words.ClosedResourceError
        return MemoryReceiveChannel(self._channel)

    def close(self) -> None:
        """Close this end; who waits to receive through it gets ClosedResourceError."""
        if self._closed:
            return
        self._closed = True
        channel = self._channel
        for task, end in list(channel.receivers.items()):
            if end is self:
                del channel.receivers[task]
                task.fail(task._scheduler.words.ClosedResourceError())
        channel.receiving_ends -= 1
        if channel.receiving_ends == 0:
            senders, channel.senders = channel.senders, {}
            for task in senders:
                task.fail(task._scheduler.words.BrokenResourceError())
            channel.buffer.clear()

    def __aiter__(self) -> MemoryReceiveChannel[T]:
        return self

    async def __anext__(self) -> T:
        ended = current_scheduler().words.EndOfChannel
        try:
            return await self.receive()
        except ended:
            raise StopAsyncIteration from None


class open_memory_channel(tuple[MemorySendChannel[Any], MemoryReceiveChannel[Any]]):
    """`send, receive = open_memory_channel(n)`: a channel that buffers `n` values (0: none, inf: any number).

    `open_memory_channel[int](n)` says what is sent.
    """

    __slots__ = ()

    def __new__(cls, max_buffer_size: int | float) -> tuple[MemorySendChannel[Any], MemoryReceiveChannel[Any]]:  # type: ignore[misc]
        if max_buffer_size != inf and not isinstance(max_buffer_size, int):
            raise TypeError("max_buffer_size must be an integer or math.inf")
        if max_buffer_size < 0:
            raise ValueError("max_buffer_size must be >= 0")
        channel: _Channel[Any] = _Channel(max_buffer_size)
        return MemorySendChannel(channel), MemoryReceiveChannel(channel)

    def __class_getitem__(cls, item: Any) -> GenericAlias:
        return GenericAlias(cls, item)
