"""One program on two schedulers: real Trio under MockClock, and the durable Trio against a service in memory.

A program is an async function of `(trio, log)`: whichever Trio it is given, it does the same.  What it logged, and what
it returned or raised, is its *trace*; real Trio gives a set of them, one for each order of its scheduler.
"""

from __future__ import annotations

import heapq
from collections.abc import Awaitable, Callable, Coroutine
from dataclasses import dataclass, field
from random import Random
from typing import Any

import trio as real_trio
from trio._core import _run as trio_run
from trio.testing import MockClock

from trio_durable._core import events as ev
from trio_durable._core.actions import Action, CompleteOrchestration, CreateTimer, ScheduleTask
from trio_durable._core.clock import FOREVER
from trio_durable._core.replay import Replay
from trio_durable._core.scheduler import Evicted
from trio_durable._durable.trio_facade import trio_facade
from trio_durable._durable.vocabulary import TRIO

SECOND = 1_000_000_000
DURABLE_TRIO = trio_facade()

Log = Callable[..., None]
Program = Callable[[Any, Log], Awaitable[Any]]
Trace = tuple[Any, ...]


def show(error: BaseException) -> Any:
    """An exception as a value that two runs can be compared by."""
    if isinstance(error, BaseExceptionGroup):
        return ("Group", tuple(show(each) for each in error.exceptions))
    if isinstance(error, real_trio.Cancelled):
        return "Cancelled"
    text, name = str(error), type(error).__name__
    return name if " at 0x" in text or "<Task" in text else f"{name}: {text[:60]}"


class Recorder:
    """Where a program logs: values by their repr."""

    def __init__(self) -> None:
        self.lines: list[Any] = []

    def __call__(self, *values: Any) -> None:
        self.lines.append(tuple(show(v) if isinstance(v, BaseException) else repr(v) for v in values))

    def trace(self, end: Any) -> Trace:
        return (*self.lines, end)


async def _recorded(program: Program, trio: Any) -> Trace:
    log = Recorder()
    try:
        end: Any = ("returned", repr(await program(trio, log)))
    except (Evicted, KeyboardInterrupt):
        raise
    except BaseException as error:
        end = ("raised", show(error))
    return log.trace(end)


# -- on real Trio -----------------------------------------------------------------------------------------------------


def real_trace(program: Program, seed: int) -> Trace:
    """The trace on real Trio, with its scheduler's shuffling seeded."""
    previous, trio_run._r = trio_run._r, Random(seed)
    try:
        return real_trio.run(_recorded, program, real_trio, clock=MockClock(autojump_threshold=0))
    except RuntimeError as error:
        return ("the main task", str(error)[:29])
    finally:
        trio_run._r = previous


def real_traces(program: Program, seeds: int) -> dict[Trace, int]:
    """Every trace that some seed gives, and how many do."""
    seen: dict[Trace, int] = {}
    for seed in range(seeds):
        trace = real_trace(program, seed)
        seen[trace] = seen.get(trace, 0) + 1
    return seen


# -- on durable Trio --------------------------------------------------------------------------------------------------


@dataclass
class Run:
    """What a program did on the durable Trio."""

    trace: Trace | None
    actions: list[list[Action]] = field(default_factory=list)
    history: list[ev.Event] = field(default_factory=list)
    events_in_turns: list[int] = field(default_factory=list)

    @property
    def ids(self) -> list[tuple[int, str]]:
        return [(action.id, type(action).__name__) for turn in self.actions for action in turn]


Main = Callable[[Replay], Coroutine[Any, Any, Any]]


def durable_run(
    program: Program | None = None,
    *,
    main: Main | None = None,
    crash: bool = False,
    batch: str = "instant",
    outside: tuple[tuple[float, ev.Event], ...] = (),
    answer: Callable[[ScheduleTask, float], tuple[float, ev.Event] | None] | None = None,
    limit: int = 2000,
) -> Run:
    """Run a program against a service in memory, in virtual time that begins at 0.

    crash: forget everything before every turn and replay from history.
    batch: "instant" brings all events of one instant in one turn, "single" one event a turn, "reversed" those of one
    instant in the opposite order.
    outside: (seconds, event) that arrive from elsewhere.
    answer: when and how an activity ends, as (seconds from now, event).
    """
    box: list[Trace] = []

    async def recorded(replay: Replay) -> str | None:
        if program is None:
            assert main is not None
            result = await main(replay)
            return None if result is None else str(result)
        box.append(await _recorded(program, DURABLE_TRIO))
        return None

    def fresh() -> Replay:
        box.clear()
        return Replay("i", lambda started, replay: recorded(replay), words=TRIO)

    run = Run(None)
    queue: list[tuple[float, int, ev.Event]] = []
    count = 0

    def push(at: float, event: ev.Event) -> None:
        nonlocal count
        count += 1
        heapq.heappush(queue, (at, count, event))

    push(0.0, ev.ExecutionStarted(-1, 0, "main", None, "i", "e1"))
    for at, event in outside:
        push(at, event)
    replay = fresh()
    seen = 0
    while queue:
        assert len(run.actions) < limit, "the program does not end"
        now = queue[0][0]
        new: list[ev.Event] = []
        while queue and queue[0][0] == now and (batch != "single" or not new):
            new.append(heapq.heappop(queue)[2])
        if batch == "reversed":
            new.reverse()
        new.insert(0, ev.OrchestratorStarted(-1, round(now * SECOND)))
        if crash:
            replay.close()
            replay, seen = fresh(), 0
        outcome = replay.turn(run.history[seen:], new)
        seen = len(run.history) + len(new)
        run.history += new
        run.actions.append(outcome.actions)
        run.events_in_turns.append(len(new) - 1)
        for action in outcome.actions:
            if isinstance(action, CreateTimer):
                run.history.append(ev.TimerCreated(action.id, 0, action.fire_at, action.name, action.origin))
                if action.fire_at != FOREVER:
                    at = max(now, action.fire_at / SECOND)
                    push(at, ev.TimerFired(-1, 0, action.id, action.fire_at))
            elif isinstance(action, ScheduleTask):
                run.history.append(
                    ev.TaskScheduled(action.id, 0, action.name, action.input, None, action.task_execution_id)
                )
                if answer is not None:
                    reply = answer(action, now)
                    if reply is not None:
                        push(now + reply[0], reply[1])
        if outcome.complete:
            break
    last = run.actions[-1][-1] if run.actions[-1] else None
    assert isinstance(last, CompleteOrchestration), "the program never ended"
    if program is not None and last.failure is not None:
        run.trace = ("the main task", last.failure.error_message[:29])
    else:
        run.trace = box[0] if box else (last.status.name, last.result)
    replay.close()
    return run
