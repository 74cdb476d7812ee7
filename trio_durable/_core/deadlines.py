"""Deadlines as durable timers.

The rules:

1. **Lazy.**  Setting a deadline asks for nothing.  When an event has been worked off and every task waits, each
   deadline that still stands and is not covered gets one timer, in the order in which they were set (`arm`).  So a
   block that is left before anything blocks makes none, and neither does an endless deadline.
2. **Only a firing expires a deadline.**  Time may have passed it already, because the clock is that of the last turn;
   what is looked at is the firing.  So it makes no difference how a service batches its events.
3. **A firing at T expires every deadline that is at or before T**, in the order of (deadline, number of entry), before
   any task runs: equal and nested deadlines each have a timer of their own, and yet expire together.
4. **A deadline that is past when it is set** expires without a timer, before the next batch of tasks.
5. **Covered** is a deadline while a timer of its own is outstanding that fires no later than it.  So extending one asks
   for a new timer only when the old one has fired, and shortening one asks for one new timer.
6. **A firing for a deadline that is gone** is dropped.
7. **The recorded time wins.**  Where history holds another time for a timer than today's code asks for, the deadline
   moves there, so that a changed timeout still replays.
"""

from __future__ import annotations

from collections.abc import Callable
from heapq import heapify, heappop, heappush
from math import inf

from trio_durable._core import clock

__all__ = ["CreateTimer", "Deadline", "DeadlineTimer", "Deadlines", "fire_time"]

_SECOND = 1_000_000_000
_FOREVER = clock.FOREVER / _SECOND
#: Stale entries up to this number are not worth looking for.
_FEW = 1000


class DeadlineTimer:
    """One durable timer that was asked for on behalf of a deadline.

    `fire_at` is in nanoseconds.  The worker half calls `fired` when the timer fires and `recorded` when history
    confirms it.
    """

    __slots__ = ("_deadlines", "_owner", "fire_at")

    def __init__(self, deadlines: Deadlines, owner: Deadline, fire_at: int) -> None:
        self._deadlines = deadlines
        self._owner = owner
        self.fire_at = fire_at

    def recorded(self, fire_at: int) -> None:
        """History holds this timer, with `fire_at`."""
        if fire_at != self.fire_at:
            owner = self._owner
            if owner._registered != inf and fire_time(owner._registered) == self.fire_at:
                owner._move(fire_at / _SECOND)
            self.fire_at = fire_at

    def fired(self) -> None:
        """The timer went off."""
        self._deadlines._fired(self, self._owner)


CreateTimer = Callable[[DeadlineTimer], None]


class Deadline:
    """Something that expires: a cancel scope, or a timeout under asyncio's names."""

    __slots__ = ("_entry", "_registered", "_timers")

    def __init__(self) -> None:
        #: the deadline that stands, in seconds on the orchestration's clock; inf if none does
        self._registered: float = inf
        self._entry = 0
        self._timers: list[DeadlineTimer] | None = None

    def _expire(self) -> None:
        """The deadline has passed."""
        raise NotImplementedError

    def _move(self, deadline: float) -> None:
        """The deadline is now that one."""
        raise NotImplementedError


class Deadlines:
    """Every deadline of one scheduler."""

    __slots__ = ("_due", "_entries", "_heap", "_standing", "unarmed")

    def __init__(self) -> None:
        #: (deadline, number of entry, owner); entries whose owner has another deadline by now are stale.  No two owners
        #: have one number, so that no owner is ever compared with another.
        self._heap: list[tuple[float, int, Deadline]] = []
        #: in the order in which they were set
        self.unarmed: dict[Deadline, None] = {}
        self._due: list[tuple[float, int, Deadline]] = []
        self._entries = 0
        #: how many owners have a deadline
        self._standing = 0

    def entered(self, owner: Deadline) -> None:
        """`owner` begins to count: this gives its place among equals."""
        self._entries += 1
        owner._entry = self._entries

    def register(self, owner: Deadline, deadline: float, now: int) -> None:
        """From now on `owner` expires at `deadline`; inf means never.  now: nanoseconds."""
        if deadline >= _FOREVER:
            deadline = inf
        if deadline == owner._registered:
            return
        self._standing += (deadline != inf) - (owner._registered != inf)
        owner._registered = deadline
        if deadline == inf:
            self.unarmed.pop(owner, None)
            return
        entry = (deadline, owner._entry, owner)
        if deadline <= now / _SECOND:
            self.unarmed.pop(owner, None)
            heappush(self._due, entry)
        else:
            heappush(self._heap, entry)
            self.unarmed[owner] = None
            if len(self._heap) > 2 * self._standing + _FEW:
                self._prune()

    def _prune(self) -> None:
        """Drop the stale entries, or a loop of short blocks would leave one for each."""
        fresh = {entry[2]: entry for entry in self._heap if entry[2]._registered == entry[0]}
        self._heap[:] = fresh.values()  # in place: a firing may be going through it
        heapify(self._heap)

    def is_due(self, owner: Deadline) -> bool:
        """Whether `owner` is about to expire without a timer."""
        return any(each is owner and deadline == owner._registered for deadline, _, each in self._due)

    def expire_due(self) -> None:
        """Expire what was past when it was set."""
        while self._due:
            deadline, _, owner = heappop(self._due)
            if owner._registered == deadline:
                owner._expire()

    def arm(self, create_timer: CreateTimer) -> None:
        """Ask for a timer for every deadline that stands and is not covered."""
        if not self.unarmed:
            return
        waiting, self.unarmed = self.unarmed, {}
        for owner in waiting:
            fire_at = fire_time(owner._registered)
            if owner._timers is None:
                owner._timers = []
            elif any(timer.fire_at <= fire_at for timer in owner._timers):
                continue
            timer = DeadlineTimer(self, owner, fire_at)
            owner._timers.append(timer)
            create_timer(timer)

    def _fired(self, timer: DeadlineTimer, owner: Deadline) -> None:
        assert owner._timers is not None
        owner._timers.remove(timer)
        if owner._registered == inf:
            return
        moment = timer.fire_at / _SECOND
        heap = self._heap
        while heap and heap[0][0] <= moment:
            deadline, _, each = heappop(heap)
            if each._registered == deadline:
                each._expire()
        if owner._registered != inf:
            self.unarmed[owner] = None


def fire_time(deadline: float) -> int:
    """The nanoseconds at which a timer for `deadline`, seconds, fires: whole microseconds, and never before it.

    Division is correctly rounded, so `current_time()` at the firing, `fire_at / 1e9`, is at or past the deadline.
    """
    fire_at = round(deadline * 1_000_000) * 1000
    return fire_at if fire_at / _SECOND >= deadline else fire_at + 1000
