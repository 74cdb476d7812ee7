"""asyncio's Event, Lock, Semaphore, Condition and queues, on the orchestration's own scheduler."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from heapq import heappop, heappush
from typing import Any, Generic, TypeVar

from trio_durable._core import sync
from trio_durable._core.parking import ParkingLot
from trio_durable._core.tasks import checkpoint

__all__ = [
    "BoundedSemaphore", "Condition", "Event", "LifoQueue", "Lock", "PriorityQueue", "Queue", "Semaphore",
]  # fmt: skip

T = TypeVar("T")


class Event(sync.Event):
    """Something that happens, and may be taken back; many may wait for it."""

    __slots__ = ()

    def clear(self) -> None:
        """Take it back."""
        self._set = False

    async def wait(self) -> Any:
        """Wait until it happens; True."""
        await super().wait()
        return True

    def __bool__(self) -> bool:
        return True


class _Acquirable:
    async def acquire(self) -> bool:
        raise NotImplementedError

    def release(self) -> None:
        raise NotImplementedError

    async def __aenter__(self) -> None:
        await self.acquire()

    async def __aexit__(self, *exc: object) -> None:
        self.release()


class Lock(_Acquirable):
    """Held by one at a time; handed over in the order of asking; any task may release it."""

    def __init__(self) -> None:
        self._lot = ParkingLot()
        self._locked = False

    def locked(self) -> bool:
        """Whether it is held."""
        return self._locked

    async def acquire(self) -> bool:
        """Take it, waiting for it if need be; True."""
        if self._locked:
            await self._lot.park()
        else:
            self._locked = True
            await self._checkpoint()
        return True

    async def _checkpoint(self) -> None:
        try:
            await checkpoint()
        except BaseException:
            self.release()
            raise

    def release(self) -> None:
        """Hand it to the first who waits.  Raises RuntimeError if it is not held."""
        if not self._locked:
            raise RuntimeError("Lock is not acquired.")
        if self._lot:
            self._lot.unpark()
        else:
            self._locked = False


class Semaphore(_Acquirable):
    """A counter that waits rather than going below zero."""

    def __init__(self, value: int = 1) -> None:
        if value < 0:
            raise ValueError("Semaphore initial value must be >= 0")
        self._lot = ParkingLot()
        self._value = value

    def locked(self) -> bool:
        """Whether acquiring it would wait."""
        return self._value == 0

    async def acquire(self) -> bool:
        """Take one, waiting for it if need be; True."""
        if self._value == 0:
            await self._lot.park()
            return True
        self._value -= 1
        try:
            await checkpoint()
        except BaseException:
            self.release()
            raise
        return True

    def release(self) -> None:
        """Give one back."""
        if self._lot:
            self._lot.unpark()
        else:
            self._value += 1


class BoundedSemaphore(Semaphore):
    """A Semaphore that may not be released more often than it was acquired."""

    def __init__(self, value: int = 1) -> None:
        super().__init__(value)
        self._most = value

    def release(self) -> None:
        """Give one back.  Raises ValueError if it was not taken."""
        if self._value >= self._most:
            raise ValueError("BoundedSemaphore released too many times")
        super().release()


class Condition(_Acquirable):
    """A lock that can be given up while waiting to be notified."""

    def __init__(self, lock: Lock | None = None) -> None:
        self._lock = lock if lock is not None else Lock()
        self._lot = ParkingLot()
        self.locked = self._lock.locked
        self.release = self._lock.release  # type: ignore[method-assign]

    async def acquire(self) -> bool:
        """Take the lock, waiting for it if need be; True."""
        return await self._lock.acquire()

    async def wait(self) -> bool:
        """Give the lock up, wait to be notified, take it again; True."""
        if not self.locked():
            raise RuntimeError("cannot wait on un-acquired lock")
        self._lock.release()
        try:
            await self._lot.park()
        finally:
            interrupted: asyncio.CancelledError | None = None
            while True:
                try:
                    await self._lock.acquire()
                    break
                except asyncio.CancelledError as error:
                    interrupted = error
            if interrupted is not None:
                raise interrupted
        return True

    async def wait_for(self, predicate: Callable[[], T]) -> T:
        """Wait until `predicate()` is true; its result."""
        result = predicate()
        while not result:
            await self.wait()
            result = predicate()
        return result

    def notify(self, n: int = 1) -> None:
        """Let the first `n` who wait go on once the lock is free."""
        if not self.locked():
            raise RuntimeError("cannot notify on un-acquired lock")
        self._lot.unpark(count=n)

    def notify_all(self) -> None:
        """Let everyone who waits go on."""
        self.notify(len(self._lot))


class Queue(Generic[T]):
    """First in, first out; `put` waits while there are `maxsize` items (0: no limit), `get` while there is none."""

    def __init__(self, maxsize: int = 0) -> None:
        self._maxsize = maxsize
        self._getters = ParkingLot()
        self._putters = ParkingLot()
        self._unfinished = 0
        self._all_done = Event()
        self._all_done.set()
        self._init()

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
        """Add an item, waiting for room if need be."""
        while self.full():
            await self._putters.park()
        self.put_nowait(item)
        await checkpoint()

    def put_nowait(self, item: T) -> None:
        """Add an item; raises QueueFull if there is no room."""
        if self.full():
            raise asyncio.QueueFull
        self._add(item)
        self._unfinished += 1
        self._all_done.clear()
        self._getters.unpark()

    async def get(self) -> T:
        """Take an item, waiting for one if need be."""
        while self.empty():
            await self._getters.park()
        item = self.get_nowait()
        try:
            await checkpoint()
        except BaseException:
            # What was taken by a task that is cancelled here would be lost.
            self._put_back(item)
            raise
        return item

    def get_nowait(self) -> T:
        """Take an item; raises QueueEmpty if there is none."""
        if self.empty():
            raise asyncio.QueueEmpty
        item = self._take()
        self._putters.unpark()
        return item

    def _put_back(self, item: T) -> None:
        self._items.appendleft(item)
        self._getters.unpark()

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

    def _put_back(self, item: T) -> None:
        heappush(self._items, item)
        self._getters.unpark()


class LifoQueue(Queue[T]):
    """Last in, first out."""

    def _init(self) -> None:
        self._items = []

    def _take(self) -> T:
        return self._items.pop()  # type: ignore[no-any-return]

    def _put_back(self, item: T) -> None:
        self._items.append(item)
        self._getters.unpark()
