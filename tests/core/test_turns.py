"""What a turn says: of the code's state, of what disagrees, and of how it ended; and what is carried past a change."""

from __future__ import annotations

import uuid

import pytest

from tests.core.conftest import SECOND, Script, identity
from tests.core.test_asking import asked
from trio_durable._core import clock
from trio_durable._core import events as ev
from trio_durable._core.actions import (
    CompleteOrchestration,
    CreateDetached,
    CreateTimer,
    ScheduleTask,
    VersionNotAvailable,
)
from trio_durable._core.asking import GUID_NAMESPACE
from trio_durable._core.events import Status
from trio_durable._core.mailbox import CANCEL_EVENT
from trio_durable._core.outstanding import _user_line
from trio_durable._core.replay import OrchestratorMissing, Replay
from trio_durable._core.scopes import CancelScope
from trio_durable._core.timeouts import current_time, move_on_after, sleep_forever
from trio_durable._core.work import ShieldedFuture, SpawnedTask

NOW = 1_000 * SECOND
BEGIN = [ev.OrchestratorStarted(-1, NOW), ev.ExecutionStarted(-1, NOW, "main", "[1]", "i", "e1")]
NEXT = ev.OrchestratorStarted(-1, NOW + SECOND)


def replay_of(main):
    return Replay("i", lambda started, replay: main(replay))


async def calls_one(r):
    return await r.call_activity("a", None, identity)


def begin_of(*, execution_id):
    return [BEGIN[0], ev.ExecutionStarted(-1, NOW, "main", None, "i", execution_id)]


# -- what it knows of itself ------------------------------------------------------------------------------------------


def test_a_replay_that_has_seen_nothing():
    replay = replay_of(calls_one)
    assert replay.is_replaying is True
    assert replay.is_suspended is False
    assert replay.custom_status is None
    assert replay.version is None
    assert replay.events_seen == 0
    outcome = replay.turn([], [])
    assert (outcome.actions, outcome.custom_status, outcome.version, outcome.complete) == ([], None, None, False)


def test_events_are_counted_those_held_back_included():
    replay = replay_of(calls_one)
    replay.turn([], BEGIN)
    assert replay.events_seen == 2
    confirmed = ev.TaskScheduled(1, NOW, "a")
    replay.turn([confirmed], [NEXT, ev.ExecutionSuspended(-1, NOW, None), ev.EventRaised(-1, NOW, "held", None)])
    assert replay.events_seen == 6


def test_who_asks_is_told_when_the_past_begins_and_ends():
    replay = replay_of(calls_one)
    told = []
    replay.on_replaying = lambda replaying: told.append((replaying, replay.is_replaying))
    replay.turn(BEGIN, [])
    assert told == [(True, True), (False, False)]
    replay.close()
    assert told[2:] == [(True, True)]


def test_the_custom_status_is_told_with_every_turn(script):
    async def main(r):
        r.custom_status = "waiting"
        await calls_one(r)

    s = script(main)
    assert s.start().custom_status == "waiting"
    assert s.turn(s.raised("other")).custom_status == "waiting"


def test_the_starter_gets_the_event_and_the_replay_and_its_task_the_name():
    seen = []

    def start(started, replay):
        seen.append((started, replay))
        return calls_one(replay)

    replay = Replay("i", start)
    replay.turn(BEGIN, [])
    assert seen == [(BEGIN[1], replay)]
    assert replay.scheduler.root_task.name == "main"


def test_a_starter_may_start_tasks_itself():
    async def beside():
        ran.append("beside")

    def start(started, replay):
        future = replay.spawn(beside(), "beside", ShieldedFuture)
        ran.append(repr(future))
        futures.append(future)
        return calls_one(replay)

    ran: list = []
    futures: list = []
    replay = Replay("i", start)
    (action,) = replay.turn([], BEGIN).actions
    assert (type(action), action.id) == (ScheduleTask, 1)
    assert ran == ["<DurableFuture task beside: pending>", "beside"]
    (future,) = futures
    assert type(future) is ShieldedFuture
    assert isinstance(future._work, SpawnedTask)
    assert future._work._scheduler is replay.scheduler
    assert replay.current_task is None, "between turns nothing runs"


def test_a_starter_that_lacks_the_version():
    def start(started, replay):
        raise OrchestratorMissing

    outcome = Replay("i", start).turn([], BEGIN)
    assert outcome.actions == [VersionNotAvailable(1)]


def test_a_starter_that_raises_fails_the_instance():
    def start(started, replay):
        raise LookupError("not here")

    (action,) = Replay("i", start).turn([], BEGIN).actions
    assert (action.id, action.status, action.result) == (1, Status.FAILED, None)
    assert action.failure.error_message == "not here"
    assert action.failure.error_type == "LookupError"


def test_a_failure_takes_the_next_id(script):
    async def main(r):
        await calls_one(r)
        raise KeyError("k")

    s = script(main)
    s.start()
    s.turn(s.done(1))
    assert (s.completion.id, s.completion.status) == (2, Status.FAILED)


def test_terminated_in_its_first_turn_it_asks_for_nothing_else():
    outcome = replay_of(calls_one).turn([], [*BEGIN, ev.ExecutionTerminated(-1, NOW, '"why"')])
    assert outcome.actions == [CompleteOrchestration(2, Status.TERMINATED, '"why"')]
    assert outcome.complete


def test_starting_over_while_the_code_waits(script):
    async def main(r):
        r.continue_as_new("2", save_events=False)
        await calls_one(r)

    s = script(main)
    s.start()
    assert s.completion == CompleteOrchestration(2, Status.CONTINUED_AS_NEW, result="2")
    assert len(s.turns[-1].actions) == 1


@pytest.mark.parametrize(("action_id", "answered"), [(-1, True), (None, False)])
def test_a_suspended_instance_only_says_what_it_cannot_recover_from(action_id, answered):
    replay = replay_of(calls_one)
    replay.turn([], [*BEGIN, ev.ExecutionSuspended(-1, NOW, None)])
    outcome = replay.fail(ValueError("no"), action_id=action_id)
    assert outcome.complete is answered
    assert [action.id for action in outcome.actions] == ([-1] if answered else [])


@pytest.mark.parametrize(
    ("others", "status", "message"),
    [([], Status.CANCELED, "cancelled due to explicit (enough)"), ([KeyError("k")], Status.FAILED, None)],
)
def test_what_is_left_of_a_request_to_stop(others, status, message):
    async def main(r):
        try:
            await calls_one(r)
        except BaseException as cancelled:
            raise BaseExceptionGroup("outer", [BaseExceptionGroup("inner", [cancelled]), *others]) from None

    replay = replay_of(main)
    replay.turn([], BEGIN)
    stop = ev.EventRaised(-1, NOW, CANCEL_EVENT, '"enough"')
    (end,) = replay.turn([ev.TaskScheduled(1, NOW, "a")], [NEXT, stop]).actions
    assert isinstance(end, CompleteOrchestration)
    assert end.status is status
    assert end.failure is not None
    if message is not None:
        assert (end.failure.error_message, end.failure.inner) == (message, None)
    else:
        # The cancellation is taken out: the other failure is what the instance failed with.
        assert end.failure.error_message == "outer (1 sub-exception): KeyError: 'k'"


# -- ids that other engines can compute -------------------------------------------------------------------------------


def test_names_without_an_execution_id():
    async def main(r):
        r.call_activity("a", None, identity)
        r.start_detached("d", None)
        await r.future("for ever")

    task, detached = replay_of(main).turn([], begin_of(execution_id=None)).actions
    assert isinstance(task, ScheduleTask)
    assert isinstance(detached, CreateDetached)
    # What an execution without an id has in its place is nothing at all.
    assert task.task_execution_id == str(uuid.uuid5(GUID_NAMESPACE, "i||1"))
    assert detached.instance_id == uuid.uuid5(GUID_NAMESPACE, "i||detached|1").hex


# -- disagreements ----------------------------------------------------------------------------------------------------


def words_of(outcome):
    (action,) = outcome.actions
    assert (action.id, action.status) == (-1, Status.FAILED)
    return action.failure.error_message.splitlines()


def test_what_is_asked_for_beyond_the_history():
    words = words_of(replay_of(calls_one).turn([*BEGIN, NEXT], []))
    assert words[1] == "  - expected (history): nothing more in that turn"
    assert words[2].startswith("  + got (code):         #1 call activity 'a'   (asked for at ")


def test_what_is_asked_for_in_place_of_what_history_has():
    words = words_of(replay_of(calls_one).turn([*BEGIN, ev.TaskScheduled(1, NOW, "b")], []))
    assert words[1] == "  - expected (history): #1 call activity 'b'"
    assert words[2].startswith("  + got (code):         #1 call activity 'a'   (asked for at ")


def test_an_event_from_the_future():
    class Unheard(ev.Event):
        pass

    event = Unheard(7, NOW)
    (words,) = words_of(replay_of(calls_one).turn([*BEGIN, event], []))
    assert words == (
        f"instance 'i' has an event in its history that this version does not know: {event!r}. "
        "It was written by a newer service: update trio_durable."
    )


def test_the_line_is_the_nearest_outside_the_package():
    inside = {"__name__": "trio_durable._pretended", "look": _user_line}
    exec("def asks():\n    return look()\n\ndef calls():\n    return asks()\n", inside)
    file, number = inside["calls"]()
    assert (file, number) == (__file__, test_the_line_is_the_nearest_outside_the_package.__code__.co_firstlineno + 3)
    nameless: dict = {"calls": inside["calls"]}
    exec(compile("def user():\n    return calls()\n", "nowhere.py", "exec"), nameless)
    assert nameless["user"]() == ("nowhere.py", 2)
    with_another_name = {"__name__": "trio_durableness", "calls": inside["calls"]}
    exec(compile("\ndef user():\n    return calls()\n", "near.py", "exec"), with_another_name)
    assert with_another_name["user"]() == ("near.py", 3)


def test_each_confirmation_is_told_with_what_it_confirms():
    replay = replay_of(calls_one)
    told = []
    replay.on_confirmed = lambda action, event: told.append((action, event))
    (action,) = replay.turn([], BEGIN).actions
    event = ev.TaskScheduled(1, NOW, "a")
    replay.turn([event], [NEXT])
    assert told == [(action, event)]


# -- timers that history has and the code has not, and the other way round --------------------------------------------


def indefinite(number, name):
    origin = ev.TimerOrigin(ev.TimerOriginKind.EXTERNAL_EVENT, name)
    return ev.TimerCreated(number, NOW, clock.FOREVER, name, origin)


def test_a_wait_for_another_event_makes_room_for_the_recorded_one():
    """The code waits for `new` where history has a timer for `old`: the new wait takes the next id."""

    async def main(r):
        await r.wait_for_event("new", identity)

    outcome = replay_of(main).turn([*BEGIN, indefinite(1, "old")], [NEXT])
    (timer,) = outcome.actions
    assert isinstance(timer, CreateTimer)
    assert (timer.id, timer.name) == (2, "new")


def test_what_was_asked_for_before_an_optional_timer_keeps_its_number():
    async def main(r):
        before = r.call_activity("before", None, identity)
        r.wait_for_event("go", identity)
        after = r.call_activity("after", None, identity)
        return await before + await after

    past = [*BEGIN, ev.TaskScheduled(1, NOW, "before"), ev.TaskScheduled(2, NOW, "after")]
    answers = [ev.TaskCompleted(-1, NOW, 2, "2"), ev.TaskCompleted(-1, NOW, 1, "1")]
    assert replay_of(main).turn(past, [NEXT, *answers]).actions == [
        CompleteOrchestration(3, Status.COMPLETED, result="12")
    ]


def test_an_early_answer_stays_an_answer_when_later_ids_move():
    async def main(r):
        out.append(await r.call_activity("early", None, identity))
        r.wait_for_event("go", identity)
        out.append(await r.call_activity("late", None, identity))
        return "".join(out)

    out: list[str] = []
    past = [BEGIN[0], ev.TaskCompleted(-1, NOW, 1, "e"), BEGIN[1]]
    # No timer for `go`: an older recorder's.  `late` is number 2 there, and number 3 in the code as it asks.
    recorded = ev.TaskScheduled(2, NOW, "late")
    outcome = replay_of(main).turn([*past, recorded], [NEXT, ev.TaskCompleted(-1, NOW, 2, "l")])
    assert outcome.actions == [CompleteOrchestration(3, Status.COMPLETED, result="el")]


def test_an_answer_that_came_before_room_was_made_is_found():
    """History has a timer that the code no longer makes, and the answer to what comes after it came early."""
    past = [BEGIN[0], ev.TaskCompleted(-1, NOW, 2, "x"), BEGIN[1], indefinite(1, "old")]
    outcome = replay_of(calls_one).turn(past, [NEXT])
    assert outcome.actions == [CompleteOrchestration(3, Status.COMPLETED, result="x")]


# -- recorded deadlines -----------------------------------------------------------------------------------------------


def test_a_recorded_deadline_wins_over_the_one_in_the_code():
    seen = []

    async def main(r):
        with move_on_after(10) as scope:
            try:
                await sleep_forever()
            finally:
                seen.append((scope.deadline, current_time()))
        return "late"

    recorded = ev.TimerCreated(1, NOW, NOW + 25 * SECOND, None, ev.TimerOrigin(ev.TimerOriginKind.CREATE_TIMER))
    replay = replay_of(main)
    assert replay.turn([*BEGIN, recorded], [NEXT]).actions == []
    (scope,) = replay.scheduler.root._children
    assert isinstance(scope, CancelScope)
    assert scope.deadline == 1025.0
    outcome = replay.turn([], [NEXT, ev.TimerFired(-1, NOW, 1, NOW + 25 * SECOND)])
    assert seen == [(1025.0, 1025.0)]
    assert outcome.actions == [CompleteOrchestration(2, Status.COMPLETED, result="late")]


# -- words of waits ---------------------------------------------------------------------------------------------------


def test_a_wait_of_no_time_says_so(script):
    _, future = asked(script, lambda r: r.wait_for_event("go", identity, timeout=0))
    assert str(future.get_exception()) == "no external event 'go' arrived in time (waited 0 s)"


def test_what_is_closed_asks_for_nothing():
    s = Script(calls_one)
    s.start()
    s.replay.close()
    s.replay.start_detached("d", None)
    s.replay.create_timer(5)
    assert s.replay.turn([], []).actions == s.turns[0].actions
