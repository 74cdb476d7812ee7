"""asyncio's Event, Lock, Semaphore, Condition and Barrier, on the orchestration's own scheduler."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any, TypeVar

from trio_durable._core import sync
from trio_durable._core.parking import ParkingLot, lot_for
from trio_durable._core.tasks import (
    Task,
    cancel_shielded_checkpoint,
    checkpoint,
    checkpoint_if_cancelled,
    current_task,
)

__all__ = ["Barrier", "BoundedSemaphore", "Condition", "Event", "Lock", "Semaphore"]

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


def _shown(thing: object, state: str, lot: ParkingLot) -> str:
    """A repr like asyncio's, but without an address."""
    return f"<asyncio.{type(thing).__name__} [{state}{f', waiters:{len(lot)}' if lot else ''}]>"


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
        #: who took it last, for people who ask why nothing happens: any task may release it
        self._holders: list[Task] = []
        self._lot = lot_for("a Lock", self._holders)
        self._locked = False

    def __repr__(self) -> str:
        return _shown(self, "locked" if self._locked else "unlocked", self._lot)

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
        self._holders[:] = [current_task()]
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
        self._holders.clear()
        if self._lot:
            self._holders += self._lot.unpark()
        else:
            self._locked = False


class Semaphore(_Acquirable):
    """A counter that waits rather than going below zero."""

    def __init__(self, value: int = 1) -> None:
        if value < 0:
            raise ValueError("Semaphore initial value must be >= 0")
        self._lot = lot_for("a Semaphore to be released")
        self._value = value

    def __repr__(self) -> str:
        return _shown(self, f"unlocked, value:{self._value}" if self._value else "locked", self._lot)

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
        self._lot = lot_for("a Condition to be notified")
        self.locked = self._lock.locked
        self.release = self._lock.release  # type: ignore[method-assign]

    def __repr__(self) -> str:
        return _shown(self, "locked" if self.locked() else "unlocked", self._lot)

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


class Barrier:
    """Lets those who `wait` pass when there are `parties` of them; then begins anew."""

    def __init__(self, parties: int) -> None:
        if parties < 1:
            raise ValueError("parties must be > 0")
        self._parties = parties
        self._round = _Round()
        self._broken = False

    def __repr__(self) -> str:
        state = "broken" if self._broken else f"waiters:{self.n_waiting}/{self._parties}"
        return f"<asyncio.Barrier [{state}]>"

    @property
    def parties(self) -> int:
        """How many it takes."""
        return self._parties

    @property
    def n_waiting(self) -> int:
        """How many wait."""
        return self._round.arrived

    @property
    def broken(self) -> bool:
        """Whether it was aborted, and not reset."""
        return self._broken

    async def wait(self) -> int:
        """Wait for the others; the number of those who were here before.

        Raises BrokenBarrierError if it is broken, or is aborted or reset meanwhile.
        """
        await checkpoint_if_cancelled()
        if self._broken:
            raise asyncio.BrokenBarrierError("Barrier aborted")
        mine = self._round
        index = mine.arrived
        mine.arrived += 1
        if mine.arrived == self._parties:
            self._end_round(broken=False)
            await cancel_shielded_checkpoint()
            return index
        try:
            await mine.lot.park()
        except BaseException:
            mine.arrived -= 1
            raise
        if mine.broken:
            raise asyncio.BrokenBarrierError("Abort or reset of barrier")
        return index

    async def reset(self) -> None:
        """Turn those who wait away, with BrokenBarrierError, and mend it if it is broken."""
        self._end_round(broken=True)
        self._broken = False
        await checkpoint()

    async def abort(self) -> None:
        """Break it: BrokenBarrierError for those who wait and who come, until it is reset."""
        self._broken = True
        self._end_round(broken=True)
        await checkpoint()

    def _end_round(self, *, broken: bool) -> None:
        ended, self._round = self._round, _Round()
        ended.broken = broken
        ended.lot.unpark_all()

    async def __aenter__(self) -> int:
        return await self.wait()

    async def __aexit__(self, *exc: object) -> None:
        return None


class _Round:
    """Those who pass a barrier together."""

    __slots__ = ("arrived", "broken", "lot")

    def __init__(self) -> None:
        self.lot = lot_for("the others at a Barrier")
        self.arrived = 0
        self.broken = False
