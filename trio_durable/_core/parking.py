"""Parking lots: queues of waiting tasks, on which locks and their kin are built.

A parking lot that is broken (its breaker ended) raises BrokenResourceError for everyone in it: a lock whose owner ended
without releasing it is broken so.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import inf
from typing import Any

from trio_durable._core.tasks import Task, current_scheduler, current_task, wait_on

__all__ = ["ParkingLot", "Statistics", "add_parking_lot_breaker", "lot_for", "remove_parking_lot_breaker"]


class Statistics:
    """Numbers about an object at one moment, by name."""

    def __init__(self, **values: Any) -> None:
        self.__dict__.update(values)

    def __repr__(self) -> str:
        return f"Statistics({', '.join(f'{name}={value!r}' for name, value in vars(self).items())})"

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Statistics) and vars(self) == vars(other)

    __hash__ = None  # type: ignore[assignment]


class ParkingLot:
    """A queue of waiting tasks."""

    __slots__ = ("__weakref__", "_holders", "_parked", "_what", "broken_by")

    def __init__(self) -> None:
        #: what is waited for here, and what stands for those who have it, in words for people
        self._what = "a ParkingLot to unpark it"
        self._holders: Iterable[Any] = ()
        self._parked: dict[Task, None] = {}
        #: the tasks that broke this lot
        self.broken_by: list[Task] = []

    def __len__(self) -> int:
        return len(self._parked)

    def __bool__(self) -> bool:
        return bool(self._parked)

    def __repr__(self) -> str:
        return f"<trio.lowlevel.ParkingLot with {len(self)} parked>"

    async def park(self) -> None:
        """Wait until unparked.  Raises BrokenResourceError if the lot is or gets broken."""
        if self.broken_by:
            words = current_scheduler().words
            raise words.BrokenResourceError(f"Attempted to park in parking lot broken by {self.broken_by}")
        await wait_on(_Place(self))

    def unpark(self, *, count: int | float = 1) -> list[Task]:
        """Wake the first `count` waiters (inf: all); returns them."""
        tasks = list(self._pop(count))
        for task in tasks:
            task.wake()
        return tasks

    def unpark_all(self) -> list[Task]:
        """Wake every waiter; returns them."""
        return self.unpark(count=len(self))

    def repark(self, new_lot: ParkingLot, *, count: int | float = 1) -> None:
        """Move the first `count` waiters (inf: all) to another lot, without waking them."""
        if not isinstance(new_lot, ParkingLot):
            raise TypeError("new_lot must be a ParkingLot")
        for task in self._pop(count):
            new_lot._parked[task] = None
            place = task._waiting_on
            assert isinstance(place, _Place)
            place.lot = new_lot

    def repark_all(self, new_lot: ParkingLot) -> None:
        """Move every waiter to another lot."""
        self.repark(new_lot, count=len(self))

    def break_lot(self, task: Task | None = None) -> None:
        """Raise BrokenResourceError for everyone here, and everyone who comes, in the name of `task` (the caller)."""
        breaker = task if task is not None else current_task()
        already, parked = bool(self.broken_by), self._parked
        self.broken_by.append(breaker)
        if not already:
            self._parked = {}
            broken = breaker._scheduler.words.BrokenResourceError
            for each in parked:
                each.fail(broken(f"Parking lot broken by {breaker}"))

    def statistics(self) -> Statistics:
        """tasks_waiting."""
        return Statistics(tasks_waiting=len(self))

    def _pop(self, count: int | float) -> Iterator[Task]:
        if isinstance(count, float):
            if count != inf:
                raise ValueError("Cannot pop a non-integer number of tasks.")
            count = len(self._parked)
        for _ in range(min(count, len(self._parked))):
            task = next(iter(self._parked))
            del self._parked[task]
            yield task


class _Place:
    """One task's place in a parking lot, which may be moved to another."""

    __slots__ = ("lot",)

    def __init__(self, lot: ParkingLot) -> None:
        self.lot = lot

    def park(self, task: Task) -> None:
        self.lot._parked[task] = None

    def forget(self, task: Task) -> bool:
        self.lot._parked.pop(task, None)
        return True

    def describe(self) -> str:
        return self.lot._what

    def held_up_by(self, task: Task) -> Iterable[Task]:
        return [each for each in self.lot._holders if isinstance(each, Task)]


def lot_for(what: str, holders: Iterable[Any] = ()) -> ParkingLot:
    """A lot whose waiters are told to wait for `what`, which `holders` have."""
    lot = ParkingLot()
    lot._what = what
    lot._holders = holders
    return lot


def add_parking_lot_breaker(task: Task, lot: ParkingLot) -> None:
    """Have `lot` broken when `task` ends.  Raises BrokenResourceError if it has."""
    if task._scope is None:
        raise task._scheduler.words.BrokenResourceError("Attempted to add already exited task as lot breaker.")
    if task._breaks is None:
        task._breaks = [lot]
    else:
        task._breaks.append(lot)


def remove_parking_lot_breaker(task: Task, lot: ParkingLot) -> None:
    """The end of `task` no longer breaks `lot`.  Raises RuntimeError if it would not have."""
    try:
        (task._breaks or []).remove(lot)
    except ValueError:
        raise RuntimeError("Attempted to remove task as breaker for a lot it is not registered for") from None
