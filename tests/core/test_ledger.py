"""The ledger's table, exhaustively: every pending action against every event."""

from __future__ import annotations

import dataclasses
import itertools

import pytest

from trio_durable._core import clock
from trio_durable._core import events as ev
from trio_durable._core.actions import CreateChild, CreateDetached, CreateTimer, ScheduleTask
from trio_durable._core.ledger import ANSWERS, CONFIRMS, KIND_OF, LEDGER, answered_id, describe, is_indefinite, mismatch
from trio_durable._core.replay import Replay

WAIT = ev.TimerOrigin(ev.TimerOriginKind.EXTERNAL_EVENT, "go")
PLAIN = ev.TimerOrigin(ev.TimerOriginKind.CREATE_TIMER)

ACTIONS = {
    "task": lambda: ScheduleTask(1, "n"),
    "child": lambda: CreateChild(1, "n"),
    "timer": lambda: CreateTimer(1, 5, None, PLAIN),
    "wait": lambda: CreateTimer(1, clock.FOREVER, "go", WAIT),
    "timed wait": lambda: CreateTimer(1, 5, "go", WAIT),
    "detached": lambda: CreateDetached(1, "n", "d"),
    "nothing": lambda: None,
}
CONFIRMATIONS = {
    "task": ev.TaskScheduled(1, 0, "n"),
    "child": ev.ChildCreated(1, 0, "c", "n"),
    "timer": ev.TimerCreated(1, 0, 5, None, PLAIN),
    "wait": ev.TimerCreated(1, 0, clock.FOREVER, "go", WAIT),
    "timed wait": ev.TimerCreated(1, 0, 5, "go", WAIT),
    "detached": ev.DetachedCreated(1, 0, "d"),
}
OTHERS = {
    "task done": ev.TaskCompleted(-1, 0, 1),
    "task failed": ev.TaskFailed(-1, 0, 1),
    "child done": ev.ChildCompleted(-1, 0, 1),
    "child failed": ev.ChildFailed(-1, 0, 1),
    "fired": ev.TimerFired(-1, 0, 1),
    "raised": ev.EventRaised(-1, 0, "go"),
    "suspended": ev.ExecutionSuspended(-1, 0),
    "resumed": ev.ExecutionResumed(-1, 0),
    "terminated": ev.ExecutionTerminated(-1, 0),
    "stalled": ev.ExecutionStalled(-1, 0),
    "completed": ev.OrchestratorCompleted(-1, 0),
    "sent": ev.EventSent(-1, 0, "i", "e"),
}


def test_every_row_is_complete_and_every_class_stands_in_one_row():
    assert len({row.action for row in LEDGER}) == len({row.confirmed_by for row in LEDGER}) == len(LEDGER)
    answers = [a for row in LEDGER for a in (row.completed_by, row.failed_by) if a is not None]
    assert len(answers) == len(set(answers)) == len(ANSWERS)
    assert not set(answers) & set(CONFIRMS)
    assert set(KIND_OF.values()) == {row.kind for row in LEDGER}


@pytest.mark.parametrize("answer", ANSWERS)
def test_an_answer_names_the_action_it_answers(answer):
    assert answered_id(answer(-1, 0, 7)) == 7


@pytest.mark.parametrize(("asked", "recorded"), list(itertools.product(ACTIONS, CONFIRMATIONS)))
def test_only_its_own_confirmation_fits_an_action(asked, recorded):
    action = ACTIONS[asked]()
    if action is None:
        return
    # An indefinite and a timed wait for one event are the same question with another patience.
    fits = asked == recorded or {asked, recorded} == {"wait", "timed wait"}
    assert (mismatch(action, CONFIRMATIONS[recorded]) is None) is fits


def replay_with(asked):
    """A replay whose code asked for one action in its first turn."""

    async def main(replay):
        action = ACTIONS[asked]()
        future = replay.future("x")
        if action is not None:
            replay.ask(action, lambda event: future.complete(event))
        await future

    replay = Replay("i", lambda started, replay: main(replay))
    replay.turn([], [ev.OrchestratorStarted(-1, 1), ev.ExecutionStarted(-1, 1, "main")])
    return replay


@pytest.mark.parametrize(("asked", "happened"), list(itertools.product(ACTIONS, CONFIRMATIONS | OTHERS)))
def test_every_pair_ends_in_a_legal_state_or_says_why(asked, happened):
    """Whatever is pending and whatever comes: the answer is either progress or a FAILED that names the disagreement."""
    event = (CONFIRMATIONS | OTHERS)[happened]
    replay = replay_with(asked)
    outcome = replay.turn([event], [])
    failed = [a for a in outcome.actions if getattr(a, "status", None) is ev.Status.FAILED]
    if happened in CONFIRMATIONS:
        wait_and_other = happened == "wait" and asked != "wait"  # a timer the code does not make is tolerated
        fits = asked == happened or {asked, happened} == {"wait", "timed wait"} or wait_and_other
        assert bool(failed) is not fits
        if failed:
            assert failed[0].failure.error_type.endswith("NonDeterminismError")
            assert describe(event) in failed[0].failure.error_message
    else:
        assert not failed
    replay.close()


def test_describe_never_shows_an_address():
    for thing in [*CONFIRMATIONS.values(), *(make() for make in ACTIONS.values() if make() is not None)]:
        assert " at 0x" not in describe(thing)
        assert describe(thing).startswith("#1 ")


def test_only_endless_waits_are_optional():
    optional = {name for name, make in ACTIONS.items() if make() is not None and is_indefinite(make())}
    assert optional == {"wait"}


def test_events_and_actions_are_values():
    for event in (CONFIRMATIONS | OTHERS).values():
        assert dataclasses.replace(event) == event


RETRY = ev.TimerOrigin(ev.TimerOriginKind.ACTIVITY_RETRY, "exec")


@pytest.mark.parametrize(
    ("action", "event", "why"),
    [
        (ScheduleTask(1, "n"), ev.TaskScheduled(1, 0, "n"), None),
        (ScheduleTask(1, "n"), ev.TaskScheduled(1, 0, "other"), "another activity"),
        (ScheduleTask(1, "n"), ev.ChildCreated(1, 0, "c", "n"), "another kind of action"),
        (CreateChild(1, "n"), ev.ChildCreated(1, 0, "c", "n"), None),
        (CreateChild(1, "n"), ev.ChildCreated(1, 0, "c", "other"), "another child orchestration"),
        (CreateDetached(1, "n", "d"), ev.DetachedCreated(1, 0, "d"), None),
        (CreateDetached(1, "n", "d"), ev.DetachedCreated(1, 0, "n"), "another detached orchestration"),
        (CreateTimer(1, 5, None, PLAIN), ev.TimerCreated(1, 0, 6, "n", PLAIN), None),
        (CreateTimer(1, 5, None, PLAIN), ev.TimerCreated(1, 0, 5, None, RETRY), "a timer made for another reason"),
        (CreateTimer(1, 5, None, PLAIN), ev.TimerCreated(1, 0, 5), None),
        (CreateTimer(1, 5), ev.TimerCreated(1, 0, 5, None, WAIT), None),
        (CreateTimer(1, 5, "go", WAIT), ev.TimerCreated(1, 0, 5, None, PLAIN), "a timer made for another reason"),
        (
            CreateTimer(1, 5, "go", WAIT),
            ev.TimerCreated(1, 0, 5, "go", ev.TimerOrigin(ev.TimerOriginKind.EXTERNAL_EVENT, "stop")),
            "a wait for another event",
        ),
        (
            CreateTimer(1, 5, "go", WAIT),
            ev.TimerCreated(1, 0, 5, "go", ev.TimerOrigin(ev.TimerOriginKind.EXTERNAL_EVENT, "GO")),
            None,
        ),
        # Whose retry a timer delays is not compared: the execution id of another attempt is as good.
        (
            CreateTimer(1, 5, None, RETRY),
            ev.TimerCreated(1, 0, 5, None, ev.TimerOrigin(ev.TimerOriginKind.ACTIVITY_RETRY, "other")),
            None,
        ),
    ],
)
def test_what_a_disagreement_is_called(action, event, why):
    assert mismatch(action, event) == why


@pytest.mark.parametrize(
    ("thing", "words"),
    [
        (ScheduleTask(1, "n"), "#1 call activity 'n'"),
        (ev.TaskScheduled(2, 0, "n"), "#2 call activity 'n'"),
        (CreateChild(1, "n"), "#1 call child orchestration 'n'"),
        (ev.ChildCreated(2, 0, "c", "n"), "#2 call child orchestration 'n'"),
        (CreateTimer(1, 5, "go", WAIT), "#1 wait for external event 'go'"),
        (ev.TimerCreated(2, 0, 5, "go", WAIT), "#2 wait for external event 'go'"),
        (CreateTimer(1, 5, "a-retry", RETRY), "#1 wait before a retry (a-retry)"),
        (ev.TimerCreated(2, 0, 5, None, RETRY), "#2 wait before a retry (exec)"),
        (CreateTimer(1, 5, "nap", PLAIN), "#1 create a timer"),
        (ev.TimerCreated(2, 0, 5), "#2 create a timer"),
        (CreateDetached(1, "n", "d"), "#1 start detached orchestration 'n'"),
        (ev.DetachedCreated(2, 0, "d"), "#2 start detached orchestration 'd'"),
        (ev.TaskCompleted(-1, 0, 1), "#-1 TaskCompleted"),
    ],
)
def test_one_line_that_a_person_can_read(thing, words):
    assert describe(thing) == words


def test_what_is_no_timer_is_no_endless_wait():
    endless = {name for name, event in (CONFIRMATIONS | OTHERS).items() if is_indefinite(event)}
    assert endless == {"wait"}
    assert not is_indefinite(CreateTimer(1, clock.FOREVER, "go"))
    assert not is_indefinite(CreateTimer(1, clock.FOREVER, "go", PLAIN))
