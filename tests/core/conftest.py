"""Helpers of the core's tests: a tiny service half that only writes down what a worker half asks for."""

from __future__ import annotations

from collections.abc import Callable, Coroutine
from typing import Any

import pytest

from trio_durable._core import events as ev
from trio_durable._core.actions import Action, CompleteOrchestration, CreateChild, CreateTimer, ScheduleTask
from trio_durable._core.replay import Outcome, Replay

SECOND = 1_000_000_000
Main = Callable[[Replay], Coroutine[Any, Any, str | None]]


def identity(payload: str | None) -> str | None:
    return payload


def confirm(action: Action, now: int) -> ev.Event | None:
    """The event that a service writes for `action`."""
    match action:
        case ScheduleTask():
            return ev.TaskScheduled(action.id, now, action.name, action.input, None, action.task_execution_id)
        case CreateTimer():
            return ev.TimerCreated(action.id, now, action.fire_at, action.name, action.origin)
        case CreateChild():
            return ev.ChildCreated(
                action.id, now, action.instance_id or f"i:{action.id:04x}", action.name, action.input
            )
        case _:
            return None


class Script:
    """Runs `main` turn by turn, recording its history; `crash=True` replays from nothing at every turn."""

    def __init__(self, main: Main, *, crash: bool = False) -> None:
        self.main = main
        self.crash = crash
        self.history: list[ev.Event] = []
        self.now = 1_000 * SECOND
        self.replay = self._fresh()
        self.seen = 0
        self.turns: list[Outcome] = []

    def _fresh(self) -> Replay:
        def start(started: ev.ExecutionStarted, replay: Replay) -> Coroutine[Any, Any, str | None]:
            return self.main(replay)

        return Replay("i", start)

    def turn(self, *new: ev.Event, seconds: float = 1) -> Outcome:
        self.now += int(seconds * SECOND)
        news = [ev.OrchestratorStarted(-1, self.now), *new]
        if self.crash:
            self.replay.close()
            self.replay = self._fresh()
            self.seen = 0
        turn = self.replay.turn(self.history[self.seen :], news)
        self.seen = len(self.history) + len(news)
        self.history += news
        for action in turn.actions:
            event = confirm(action, self.now)
            if event is not None:
                self.history.append(event)
        self.turns.append(turn)
        return turn

    def start(self, input: str | None = None) -> Outcome:
        return self.turn(ev.ExecutionStarted(-1, self.now, "main", input, "i", "e1"))

    def done(self, number: int, result: str | None = None) -> ev.Event:
        return ev.TaskCompleted(-1, self.now, number, result)

    def failed(self, number: int, kind: str = "ValueError", message: str = "no") -> ev.Event:
        return ev.TaskFailed(-1, self.now, number, ev.FailureDetails(kind, message))

    def fired(self, number: int) -> ev.Event:
        at = next(
            event.fire_at for event in self.history if isinstance(event, ev.TimerCreated) and event.event_id == number
        )
        return ev.TimerFired(-1, self.now, number, at)

    def raised(self, name: str, payload: str | None = None) -> ev.Event:
        return ev.EventRaised(-1, self.now, name, payload)

    @property
    def completion(self) -> CompleteOrchestration:
        last = self.turns[-1].actions[-1]
        assert isinstance(last, CompleteOrchestration), last
        return last


@pytest.fixture(params=[False, True], ids=["warm", "crash"])
def script(request: pytest.FixtureRequest) -> Callable[[Main], Script]:
    """`script(main)`: kept warm between turns, or thrown away and replayed from history before every turn."""

    def make(main: Main) -> Script:
        return Script(main, crash=request.param)

    return make
