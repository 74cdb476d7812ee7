"""Running a history again: what is asked for again, as what, and what stays."""

from __future__ import annotations

import pytest

from trio_durable._core import clock
from trio_durable._core import events as ev
from trio_durable._core.carrying_out import Message
from trio_durable._core.rerun import RerunError, rerun

NOW = 9_000
TRACE = ev.TraceContext("00-1", "2")
ROUTER = ev.Router("here", "there")
STARTED = ev.ExecutionStarted(-1, 1, "main", "[1]", "old", "e0", "v1", ev.ParentInstance(4, "above"), tags={"k": "v"})
ORIGIN = ev.TimerOrigin(ev.TimerOriginKind.CREATE_TIMER)


def turn(*events):
    return [ev.OrchestratorStarted(-1, 1), *events, ev.OrchestratorCompleted(-1, 1)]


def again(history, event_id, **options):
    return rerun(history, event_id, instance_id="new", execution_id="e1", child_execution_id="kid-", now=NOW, **options)


def test_the_history_up_to_the_end_of_the_turn_is_kept_and_what_was_open_is_asked_for_again():
    first, second, third = (ev.TaskScheduled(n, 1, f"t{n}", f"[{n}]", task_execution_id=f"x{n}") for n in (1, 2, 3))
    done = ev.TaskCompleted(-1, 2, 1, '"r"')
    history = [
        *turn(STARTED, first, second),
        *turn(done, third, ev.TimerCreated(4, 1, 100, "nap", ORIGIN)),
        *turn(ev.TaskCompleted(-1, 3, 2), ev.TaskScheduled(5, 1, "later")),
        ev.ExecutionCompleted(-1, 9, ev.Status.COMPLETED),
    ]
    outcome = again(history, 3)
    assert outcome.history == [
        ev.OrchestratorStarted(-1, 1),
        ev.ExecutionStarted(-1, 1, "main", "[1]", "new", "e1", "v1", None, tags={"k": "v"}),
        first,
        second,
        ev.OrchestratorStarted(-1, 1),
        done,
        third,
        ev.TimerCreated(4, 1, NOW + 99, "nap", ORIGIN),
    ]
    assert outcome.tasks == [second, third]
    assert outcome.timers == [outcome.history[-1]]
    assert outcome.messages == []


def test_the_last_turn_of_a_history_may_be_the_one():
    scheduled = ev.TaskScheduled(1, 1, "a")
    assert again([ev.OrchestratorStarted(-1, 1), STARTED, scheduled], 1).tasks == [scheduled]


def test_the_first_event_of_a_turn_may_be_the_one():
    first, other = ev.TaskScheduled(1, 1, "a"), ev.TaskScheduled(2, 1, "b")
    assert again([STARTED, first, other, ev.OrchestratorStarted(-1, 1)], 2).history[1:] == [first, other]


def test_only_the_events_own_input_is_another():
    first, second = ev.TaskScheduled(1, 1, "a", "[1]"), ev.TaskScheduled(2, 1, "b", "[2]")
    outcome = again(turn(STARTED, first, second), 2, input="[9]", overwrite_input=True)
    assert [task.input for task in outcome.tasks] == ["[1]", "[9]"]
    assert [task.input for task in again(turn(STARTED, first, second), 2, input="[9]").tasks] == ["[1]", "[2]"]
    nothing = again(turn(STARTED, first, second), 1, overwrite_input=True)
    assert [task.input for task in nothing.tasks] == [None, "[2]"]
    child = ev.ChildCreated(1, 1, "kid", "c", "[1]")
    (message,) = again(turn(STARTED, child), 1, input="[9]", overwrite_input=True).messages
    assert message.event.input == "[9]"


def test_a_timer_has_no_input():
    with pytest.raises(RerunError, match=r"^event 1 is a timer, which has no input to overwrite$") as caught:
        again(turn(STARTED, ev.TimerCreated(1, 1, 5)), 1, input="[9]", overwrite_input=True)
    assert caught.value.found is True


@pytest.mark.parametrize("number", [2, 7, -1])
def test_only_what_asked_for_something_can_be_begun_at(number):
    history = turn(STARTED, ev.TaskScheduled(1, 1, "a"), ev.EventSent(2, 1, "i", "e"))
    words = rf"^the history has no activity, child orchestration or timer with the event id {number}$"
    with pytest.raises(RerunError, match=words) as caught:
        again(history, number)
    assert caught.value.found is False


def test_timers_run_as_long_as_they_did_and_endless_ones_for_ever():
    waits = [ev.TimerCreated(1, 10, 15), ev.TimerCreated(2, 10, 10), ev.TimerCreated(3, 10, 5)]
    endless = ev.TimerCreated(4, 10, clock.FOREVER, "go")
    outcome = again(turn(STARTED, *waits, endless), 1)
    assert [timer.fire_at for timer in outcome.timers] == [NOW + 5, NOW, NOW, clock.FOREVER]
    assert outcome.timers == outcome.history[2:6]


def test_a_child_is_started_as_it_was_by_the_new_parent():
    child = ev.ChildCreated(0x1F, 1, "old:001f", "kid", "[1]", "v2", TRACE, 1, "old:0001", ROUTER)
    named = ev.ChildCreated(2, 1, "by-name", "kid")
    outcome = again(turn(STARTED, child, named), 2)
    assert [event.instance_id for event in outcome.history[2:4]] == ["new:001f", "by-name"]
    parent = ev.ParentInstance(0x1F, "new", "e1", "main")
    assert outcome.messages[0] == Message(
        "new:001f",
        ev.ExecutionStarted(
            -1, NOW, "kid", "[1]", "new:001f", "kid-31", "v2", parent, trace_context=TRACE, router=ROUTER
        ),
    )
    assert outcome.messages[1].to == outcome.messages[1].event.instance_id == "by-name"
    chosen = again(turn(STARTED, child, named), 2, new_child_instance_id="chosen")
    assert [event.instance_id for event in chosen.history[2:4]] == ["new:001f", "chosen"]
    assert chosen.messages[1].to == "chosen"


def test_answers_of_one_kind_do_not_answer_another():
    """Histories of other SDKs may number each kind of its own."""
    task, timer = ev.TaskScheduled(1, 1, "a"), ev.TimerCreated(1, 1, 5)
    outcome = again(turn(STARTED, timer, task, ev.TimerFired(-1, 5, 1)), 1)
    assert (outcome.tasks, outcome.timers) == ([task], [])


def test_a_turn_that_no_event_woke_may_be_the_one():
    scheduled = ev.TaskScheduled(1, 1, "a")
    again_ = ev.OrchestratorStarted(-1, 2)
    assert again([STARTED, ev.OrchestratorStarted(-1, 1), scheduled, again_], 1).tasks == [scheduled]
