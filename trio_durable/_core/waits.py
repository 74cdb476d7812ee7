"""Who waits for what, in words: for people who ask why an instance does not go on.

Nothing here decides anything.  Every wait of a task is a `Waitable` (`tasks.py`), which says what is waited for and, as
far as it knows, which tasks have to do something first; where it waits is read off its frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import inf

from trio_durable._core import clock
from trio_durable._core.scheduler import Scheduler
from trio_durable._core.tasks import CANCEL_POINT, Task, some

__all__ = ["circle", "only_sleeps", "who_waits"]

#: So many tasks are told of.
_MOST = 50

#: Frames of these modules are on the way to the wait; the code that waits is what called them.
_BETWEEN = ("trio_durable.", "contextlib")


def who_waits(scheduler: Scheduler) -> Iterator[str]:
    """A line for each task that waits, in the order in which they were started."""
    tasks = [task for task in scheduler.tasks() if task.is_waiting]
    for task in tasks[:_MOST]:
        yield f"{_name(task)} waits for {_what(task)}{_where(task)}"
    if len(tasks) > _MOST:
        yield f"and {len(tasks) - _MOST} more tasks wait"


def circle(scheduler: Scheduler) -> str | None:
    """Tasks that hold each other up, as `task 1 'a' -> task 2 'b' -> task 1 'a'`; None if none do."""
    done: dict[int, None] = {}
    for root in scheduler.tasks():
        path: dict[Task, Iterator[Task]] = {}
        follow: Task | None = None if root.number in done else root
        while follow is not None:
            if follow in path:
                members = list(path)
                names = [_name(each) for each in members[members.index(follow) :]]
                return " -> ".join([*names, names[0]])
            path[follow] = iter(_held_up_by(follow))
            follow = None
            while path and follow is None:
                task, others = next(reversed(path.items()))
                follow = next((each for each in others if each.number not in done), None)
                if follow is None:
                    done[task.number] = None
                    del path[task]
    return None


def only_sleeps(scheduler: Scheduler) -> bool:
    """Whether a task waits for nothing but its cancellation: then whoever cancels the instance is waited for."""
    return any(task._waiting_on is CANCEL_POINT for task in scheduler.tasks())


def _held_up_by(task: Task) -> Iterable[Task]:
    return () if task._waiting_on is None else task._waiting_on.held_up_by(task)


def _name(task: Task) -> str:
    return f"task {task.number} {task.name!r}"


def _what(task: Task) -> str:
    waitable = task._waiting_on
    assert waitable is not None
    deadline = _deadline(task)
    until = "" if deadline == inf else clock.to_datetime(round(deadline * 1_000_000_000)).isoformat()
    if waitable is CANCEL_POINT:
        return until or "its cancellation, for ever"
    held = some([_name(each) for each in waitable.held_up_by(task)])
    return waitable.describe() + (f" [{held}]" if held else "") + (f", at most until {until}" if until else "")


def _deadline(task: Task) -> float:
    scope, deadline = task._scope, inf
    while scope is not None:
        deadline = min(deadline, scope._registered)
        scope = None if scope._shield else scope._parent
    return deadline


def _where(task: Task) -> str:
    place = ""
    for frame, line in task.iter_await_frames():
        if frame.f_globals.get("__name__", "").startswith(_BETWEEN):
            # What `drive_generator` keeps under this name is not awaited, but driven from there.  (The locals of the
            # user's frames are not looked at: Python would keep alive what it shows.)
            generator = frame.f_locals.get("driven_generator")
            if generator is None or generator.gi_frame is None:
                continue
            frame, line = generator.gi_frame, generator.gi_frame.f_lineno
        place = f"\n    at {frame.f_code.co_filename}:{line} in {frame.f_code.co_qualname}"
    return place
