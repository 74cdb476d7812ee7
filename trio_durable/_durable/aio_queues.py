"""asyncio's queues, on the orchestration's own scheduler."""

from __future__ import annotations

import asyncio
from collections import deque
from heapq import heappop, heappush
from typing import Any, Generic, TypeVar

from trio_durable._core.parking import lot_for
from trio_durable._core.tasks import cancel_shielded_checkpoint, checkpoint_if_cancelled
from trio_durable._durable.aio_sync import Event

__all__ = ["LifoQueue", "PriorityQueue", "Queue", "QueueShutDown"]

T = TypeVar("T")


class _ShutDown(Exception): ...


#: asyncio's own, or for Python before 3.13 one like it.
QueueShutDown: type[Exception] = getattr(asyncio, "QueueShutDown", _ShutDown)
_ShutDown.__name__ = _ShutDown.__qualname__ = "QueueShutDown"


class Queue(Generic[T]):
    """First in, first out; `put` waits while there are `maxsize` items (0: no limit), `get` while there is none."""

    def __init__(self, maxsize: int = 0) -> None:
        self._maxsize = maxsize
        self._getters = lot_for("an item from a Queue")
        self._putters = lot_for("room in a Queue")
        self._unfinished = 0
        self._is_shut_down = False
        self._all_done = Event()
        self._all_done.set()
        self._init()

    def __repr__(self) -> str:
        return f"<{type(self).__name__} maxsize={self._maxsize} with {self.qsize()} items>"

    def _init(self) -> None:
        self._items: Any = deque()

    def _take(self) -> T:
        return self._items.popleft()  # type: ignore[no-any-return]

    def _add(self, item: T) -> None:
        self._items.append(item)

    @property
    def maxsize(self) -> int:
        """How many items it holds at most; 0 for any number."""
        return self._maxsize

    def qsize(self) -> int:
        """How many items it holds."""
        return len(self._items)

    def empty(self) -> bool:
        """Whether it holds none."""
        return not self._items

    def full(self) -> bool:
        """Whether it holds `maxsize`."""
        return 0 < self._maxsize <= len(self._items)

    async def put(self, item: T) -> None:
        """Add an item, waiting for room if need be; raises QueueShutDown after `shutdown`."""
        await checkpoint_if_cancelled()
        while self.full() and not self._is_shut_down:
            await self._putters.park()
        self.put_nowait(item)
        # Nothing is raised any more: who is told of a cancellation here would think that the item was not put.
        await cancel_shielded_checkpoint()

    def put_nowait(self, item: T) -> None:
        """Add an item; raises QueueFull if there is no room, QueueShutDown after `shutdown`."""
        if self._is_shut_down:
            raise QueueShutDown
        if self.full():
            raise asyncio.QueueFull
        self._add(item)
        self._unfinished += 1
        self._all_done.clear()
        self._getters.unpark()

    async def get(self) -> T:
        """Take an item, waiting for one if need be; raises QueueShutDown if none will come any more."""
        await checkpoint_if_cancelled()
        while self.empty() and not self._is_shut_down:
            await self._getters.park()
        item = self.get_nowait()
        # Nothing is raised any more: what was taken would be lost.
        await cancel_shielded_checkpoint()
        return item

    def get_nowait(self) -> T:
        """Take an item; raises QueueEmpty if there is none, QueueShutDown if none will come any more."""
        if self.empty():
            if self._is_shut_down:
                raise QueueShutDown
            raise asyncio.QueueEmpty
        item = self._take()
        self._putters.unpark()
        return item

    def shutdown(self, immediate: bool = False) -> None:
        """Take no more items: whoever puts, and whoever gets from it when it is empty, meets QueueShutDown.

        immediate: drop what is in it.
        """
        self._is_shut_down = True
        while immediate and not self.empty():
            self._take()
            self.task_done()
        self._getters.unpark_all()
        self._putters.unpark_all()

    def task_done(self) -> None:
        """Say that an item that was taken has been dealt with; ValueError if said too often."""
        if self._unfinished <= 0:
            raise ValueError("task_done() called too many times")
        self._unfinished -= 1
        if self._unfinished == 0:
            self._all_done.set()

    async def join(self) -> None:
        """Wait until every item that was put has been dealt with."""
        if self._unfinished:
            await self._all_done.wait()


class PriorityQueue(Queue[T]):
    """Smallest first."""

    def _init(self) -> None:
        self._items = []

    def _take(self) -> T:
        return heappop(self._items)  # type: ignore[no-any-return]

    def _add(self, item: T) -> None:
        heappush(self._items, item)


class LifoQueue(Queue[T]):
    """Last in, first out."""

    def _init(self) -> None:
        self._items = []

    def _take(self) -> T:
        return self._items.pop()  # type: ignore[no-any-return]
