"""Events, locks and their kin: Trio's, over deterministic tasks.

The rules are Trio's own; waiters are served first in, first out, and everything is fair.

1. What can be had at once is had without waiting, and is a checkpoint all the same.
2. A lock whose owner ended without releasing it is broken: BrokenResourceError for everyone who wants it.
"""

from __future__ import annotations

from collections.abc import Iterable
from math import inf
from typing import Any

from trio_durable._core.parking import (
    Statistics,
    add_parking_lot_breaker,
    lot_for,
    remove_parking_lot_breaker,
)
from trio_durable._core.scopes import CancelScope
from trio_durable._core.tasks import (
    Task,
    cancel_shielded_checkpoint,
    checkpoint,
    checkpoint_if_cancelled,
    current_scheduler,
    current_task,
    wait_on,
)

__all__ = ["CapacityLimiter", "Condition", "Event", "Lock", "Semaphore", "StrictFIFOLock"]


class Event:
    """Something that happens once; many may wait for it."""

    __slots__ = ("__weakref__", "_set", "_waiting")

    def __init__(self) -> None:
        self._set = False
        self._waiting: dict[Task, None] = {}

    def __repr__(self) -> str:
        return f"<trio.Event{', set' if self._set else ''}>"

    def __bool__(self) -> bool:
        raise NotImplementedError(
            "Trio events cannot be treated as bools; consider using `event.is_set()` instead."
        )

    def is_set(self) -> bool:
        """Whether it happened."""
        return self._set

    def set(self) -> None:
        """It happens now."""
        self._set = True
        waiting, self._waiting = self._waiting, {}
        for task in waiting:
            task.wake()

    async def wait(self) -> None:
        """Wait until it happens; a checkpoint if it did."""
        if self._set:
            await checkpoint()
        else:
            await wait_on(self)

    def statistics(self) -> Statistics:
        """tasks_waiting."""
        return Statistics(tasks_waiting=len(self._waiting))

    def park(self, task: Task) -> None:
        self._waiting[task] = None

    def forget(self, task: Task) -> bool:
        self._waiting.pop(task, None)
        return True

    def describe(self) -> str:
        return "an Event to be set"

    def held_up_by(self, task: Task) -> Iterable[Task]:
        return ()


class _Acquirable:
    """`async with` acquires and releases."""

    __slots__ = ()

    async def acquire(self) -> None:
        raise NotImplementedError

    def release(self) -> None:
        raise NotImplementedError

    async def __aenter__(self) -> None:
        await self.acquire()

    async def __aexit__(self, *exc: object) -> None:
        self.release()


class Semaphore(_Acquirable):
    """A counter that waits rather than going below zero."""

    __slots__ = ("__weakref__", "_lot", "_max_value", "_value")

    def __init__(self, initial_value: int, *, max_value: int | None = None) -> None:
        if not isinstance(initial_value, int):
            raise TypeError("initial_value must be an int")
        if initial_value < 0:
            raise ValueError("initial value must be >= 0")
        if max_value is not None:
            if not isinstance(max_value, int):
                raise TypeError("max_value must be None or an int")
            if max_value < initial_value:
                raise ValueError("max_values must be >= initial_value")
        self._lot = lot_for("a Semaphore to be released")
        self._value = initial_value
        self._max_value = max_value

    def __repr__(self) -> str:
        most = "" if self._max_value is None else f", max_value={self._max_value}"
        return f"<trio.Semaphore({self._value}{most})>"

    @property
    def value(self) -> int:
        """What is left."""
        return self._value

    @property
    def max_value(self) -> int | None:
        """The most it may be released to; None for no limit."""
        return self._max_value

    def acquire_nowait(self) -> None:
        """Take one; raises WouldBlock if there is none."""
        if not self._take():
            raise current_scheduler().words.WouldBlock

    async def acquire(self) -> None:
        """Take one, waiting for it if need be."""
        await checkpoint_if_cancelled()
        if self._take():
            await cancel_shielded_checkpoint()
        else:
            await self._lot.park()

    def release(self) -> None:
        """Give one back.  Raises ValueError beyond `max_value`."""
        if self._lot:
            self._lot.unpark()
        else:
            if self._value == self._max_value:
                raise ValueError("semaphore released too many times")
            self._value += 1

    def statistics(self) -> Statistics:
        """tasks_waiting."""
        return self._lot.statistics()

    def _take(self) -> bool:
        if self._value <= 0:
            return False
        self._value -= 1
        return True


class Lock(_Acquirable):
    """At most one task holds it; it is handed over in the order of asking."""

    __slots__ = ("__weakref__", "_lot", "_owner")

    def __init__(self) -> None:
        self._lot = lot_for("a Lock")
        self._owner: Task | None = None

    def __repr__(self) -> str:
        state = f"locked {type(self).__name__} object with {len(self._lot)} waiters"
        return f"<{state}>" if self.locked() else f"<unlocked {type(self).__name__} object>"

    def locked(self) -> bool:
        """Whether a task holds it."""
        return self._owner is not None

    def acquire_nowait(self) -> None:
        """Take it; raises WouldBlock if it is held, RuntimeError if by this very task."""
        if not self._take(current_task()):
            raise current_scheduler().words.WouldBlock

    async def acquire(self) -> None:
        """Take it, waiting for it if need be.  Raises BrokenResourceError if its owner ended without releasing it."""
        await checkpoint_if_cancelled()
        task = current_task()
        if self._take(task):
            await cancel_shielded_checkpoint()
            return
        broken = task._scheduler.words.BrokenResourceError
        try:
            await self._lot.park()
        except broken:
            raise broken(f"Owner of this lock exited without releasing: {self._owner}") from None

    def release(self) -> None:
        """Hand it to the first who waits.  Raises RuntimeError if this task does not hold it."""
        task = current_task()
        if task is not self._owner:
            raise RuntimeError("can't release a Lock you don't own")
        remove_parking_lot_breaker(task, self._lot)
        self._owner = None
        self._lot._holders = ()
        if self._lot:
            (next_owner,) = self._lot.unpark()
            self._has(next_owner)

    def statistics(self) -> Statistics:
        """locked, owner, tasks_waiting."""
        return Statistics(locked=self.locked(), owner=self._owner, tasks_waiting=len(self._lot))

    def _take(self, task: Task) -> bool:
        if self._owner is task:
            raise RuntimeError("attempt to re-acquire an already held Lock")
        if self._owner is not None or self._lot:
            return False
        self._has(task)
        return True

    def _has(self, task: Task) -> None:
        self._owner = task
        self._lot._holders = (task,)
        add_parking_lot_breaker(task, self._lot)


class StrictFIFOLock(Lock):
    """A Lock under the name that promises the order of asking; `Lock` keeps it too."""

    __slots__ = ()


class CapacityLimiter(_Acquirable):
    """A number of tokens, each borrowed by a task (or on behalf of something) and given back."""

    __slots__ = ("__weakref__", "_borrowers", "_lot", "_pending", "_total")

    def __init__(self, total_tokens: int | float) -> None:
        self._borrowers: dict[Any, None] = {}
        self._lot = lot_for("a token of a CapacityLimiter", self._borrowers)
        self._pending: dict[Task, Any] = {}
        self._total: int | float = 0
        self.total_tokens = total_tokens

    def __repr__(self) -> str:
        return f"<trio.CapacityLimiter, {len(self._borrowers)}/{self._total} with {len(self._lot)} waiting>"

    @property
    def total_tokens(self) -> int | float:
        """How many may be borrowed at a time; may be set, to inf too."""
        return self._total

    @total_tokens.setter
    def total_tokens(self, total: int | float) -> None:
        if not isinstance(total, int) and total != inf:
            raise TypeError("total_tokens must be an int or math.inf")
        if total < 0:
            raise ValueError("total_tokens must be >= 0")
        self._total = total
        self._hand_out()

    @property
    def borrowed_tokens(self) -> int:
        """How many are borrowed."""
        return len(self._borrowers)

    @property
    def available_tokens(self) -> int | float:
        """How many are left."""
        return self._total - len(self._borrowers)

    def acquire_nowait(self) -> None:
        """Borrow one for this task; raises WouldBlock if none is left, RuntimeError if it has one."""
        self.acquire_on_behalf_of_nowait(current_task())

    def acquire_on_behalf_of_nowait(self, borrower: Any) -> None:
        """The same for any borrower."""
        if not self._take(borrower):
            raise current_scheduler().words.WouldBlock

    async def acquire(self) -> None:
        """Borrow one for this task, waiting for it if need be; raises RuntimeError if it has one."""
        await self.acquire_on_behalf_of(current_task())

    async def acquire_on_behalf_of(self, borrower: Any) -> None:
        """The same for any borrower."""
        await checkpoint_if_cancelled()
        if self._take(borrower):
            await cancel_shielded_checkpoint()
            return
        task = current_task()
        self._pending[task] = borrower
        try:
            await self._lot.park()
        except BaseException:
            self._pending.pop(task, None)
            raise

    def release(self) -> None:
        """Give this task's token back; raises RuntimeError if it has none."""
        self.release_on_behalf_of(current_task())

    def release_on_behalf_of(self, borrower: Any) -> None:
        """The same for any borrower."""
        if borrower not in self._borrowers:
            raise RuntimeError("this borrower isn't holding any of this CapacityLimiter's tokens")
        del self._borrowers[borrower]
        self._hand_out()

    def statistics(self) -> Statistics:
        """borrowed_tokens, total_tokens, borrowers, tasks_waiting."""
        return Statistics(
            borrowed_tokens=len(self._borrowers),
            total_tokens=self._total,
            borrowers=list(self._borrowers),
            tasks_waiting=len(self._lot),
        )

    def _take(self, borrower: Any) -> bool:
        if borrower in self._borrowers:
            raise RuntimeError("this borrower is already holding one of this CapacityLimiter's tokens")
        if len(self._borrowers) >= self._total or self._lot:
            return False
        self._borrowers[borrower] = None
        return True

    def _hand_out(self) -> None:
        if self._lot:
            for task in self._lot.unpark(count=max(self._total - len(self._borrowers), 0)):
                self._borrowers[self._pending.pop(task)] = None


class Condition(_Acquirable):
    """A lock that can be given up while waiting to be notified."""

    __slots__ = ("__weakref__", "_lock", "_lot")

    def __init__(self, lock: Lock | None = None) -> None:
        if lock is None:
            lock = Lock()
        if type(lock) is not Lock:
            raise TypeError("lock must be a trio.Lock")
        self._lock = lock
        self._lot = lot_for("a Condition to be notified")

    def __repr__(self) -> str:
        return f"<trio.Condition of {self._lock!r} with {len(self._lot)} waiting>"

    def locked(self) -> bool:
        """Whether a task holds the lock."""
        return self._lock.locked()

    def acquire_nowait(self) -> None:
        """Take the lock; raises WouldBlock if it is held."""
        self._lock.acquire_nowait()

    async def acquire(self) -> None:
        """Take the lock, waiting for it if need be."""
        await self._lock.acquire()

    def release(self) -> None:
        """Release the lock."""
        self._lock.release()

    async def wait(self) -> None:
        """Give the lock up, wait to be notified, take it again; however that wait ends."""
        self._must_hold("wait")
        self._lock.release()
        try:
            await self._lot.park()
        except BaseException:
            with CancelScope(shield=True):
                await self._lock.acquire()
            raise

    def notify(self, n: int = 1) -> None:
        """Let the first `n` who wait go on, one after the other, once the lock is free."""
        self._must_hold("notify")
        self._lot.repark(self._lock._lot, count=n)

    def notify_all(self) -> None:
        """Let everyone who waits go on, one after the other."""
        self._must_hold("notify")
        self._lot.repark_all(self._lock._lot)

    def statistics(self) -> Statistics:
        """tasks_waiting, lock_statistics."""
        return Statistics(tasks_waiting=len(self._lot), lock_statistics=self._lock.statistics())

    def _must_hold(self, what: str) -> None:
        if current_task() is not self._lock._owner:
            raise RuntimeError(f"must hold the lock to {what}")


