"""The worker half, rule by rule (the numbers are those of replay.py's header)."""

from __future__ import annotations

from datetime import timedelta

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.core.conftest import SECOND, Script, identity
from trio_durable._core import clock
from trio_durable._core import events as ev
from trio_durable._core.actions import CompleteOrchestration, CreateChild, CreateTimer, ScheduleTask
from trio_durable._core.futures import when_all, when_any
from trio_durable._core.replay import Replay
from trio_durable._core.retry import RetryPolicy
from trio_durable._errors import TaskFailedError


def ids(turn):
    return [action.id for action in turn.actions]


def call(replay, name, payload=None, **kw):
    return replay.call_activity(name, payload, identity, **kw)


def test_chain(script):
    async def main(r):
        a = await call(r, "a")
        b = await call(r, "b", a)
        return b

    s = script(main)
    assert ids(s.start()) == [1]
    assert ids(s.turn(s.done(1, "1"))) == [2]
    assert s.turn(s.done(2, "2")).complete
    assert s.completion == CompleteOrchestration(3, ev.Status.COMPLETED, result="2")


def test_fan_out_takes_ids_in_program_order_and_results_keep_it(script):
    async def main(r):
        results = await when_all([call(r, f"t{n}") for n in range(5)])
        return ",".join(results)

    s = script(main)
    assert ids(s.start()) == [1, 2, 3, 4, 5]
    for number in (3, 1, 5, 2):
        assert s.turn(s.done(number, str(number))).actions == []
    s.turn(s.done(4, "4"))
    assert s.completion.result == "1,2,3,4,5"


def test_awaiting_again_schedules_nothing_and_gives_the_same(script):
    async def main(r):
        future = call(r, "a")
        first = await future
        again = await when_all([future, future])
        return f"{first}{again}{await future}"

    s = script(main)
    s.start()
    s.turn(s.done(1, "x"))
    assert s.completion.result == "x['x', 'x']x"
    assert s.completion.id == 2


def test_when_any_gives_the_very_object_and_takes_one_id_each(script):
    async def main(r):
        slow, fast = call(r, "slow"), call(r, "fast")
        winner = await when_any([slow, fast])
        assert winner is fast
        assert winner == fast
        return winner.get_result()

    s = script(main)
    assert ids(s.start()) == [1, 2]
    s.turn(s.done(2, "won"))
    assert s.completion.result == "won"


def test_when_any_of_nothing_is_refused():
    with pytest.raises(ValueError, match="at least one"):
        when_any([])


def test_one_event_then_quiescence(script):
    """Rule 1: a turn with two answers gives the ids that two turns with one answer each give."""

    async def helper(r, name):
        await call(r, name)
        return await call(r, name + "2")

    async def main(r):
        one, two = r.spawn(helper(r, "a"), "a"), r.spawn(helper(r, "b"), "b")
        await when_all([one, two])
        return "ok"

    s = script(main)
    s.start()
    turn = s.turn(s.done(2), s.done(1))
    assert [(a.id, a.name) for a in turn.actions] == [(3, "b2"), (4, "a2")]


def test_time_is_that_of_the_turn_and_never_goes_back(script):
    seen = []

    async def main(r):
        seen.append(r.now)
        await call(r, "a")
        seen.append(r.now)
        await r.create_timer(r.now + 500 * SECOND)
        seen.append(r.now)
        return None

    s = script(main)
    s.start()
    s.turn(s.done(1), seconds=-50)
    s.turn(s.fired(2), seconds=1)
    start, later, last = seen[-3:]
    assert later == start
    assert last == later + 500 * SECOND


def test_a_failed_activity_raises_with_its_details(script):
    async def main(r):
        try:
            await call(r, "a")
        except TaskFailedError as error:
            assert error.details.error_type == "shop.OutOfStock"
            assert error.is_caused_by("OutOfStock")
            assert not error.is_caused_by(KeyError)
            return "caught"

    s = script(main)
    s.start()
    s.turn(s.failed(1, "shop.OutOfStock", "none left"))
    assert s.completion.result == "caught"


def test_a_user_exception_fails_the_instance_with_its_own_type(script):
    async def main(r):
        try:
            {}["missing"]
        except KeyError as error:
            raise LookupError("nothing here") from error

    s = script(main)
    s.start()
    failure = s.completion.failure
    assert s.completion.status is ev.Status.FAILED
    assert (failure.error_type, failure.error_message) == ("LookupError", "nothing here")
    assert failure.inner.error_type == "KeyError"
    assert "test_replay.py" in failure.stack_trace


def test_a_terminated_child_fails_without_details(script):
    async def main(r):
        try:
            await r.call_child("kid", None, identity)
        except TaskFailedError as error:
            return str(error)

    s = script(main)
    s.start()
    s.turn(ev.ChildFailed(-1, 0, 1, None))
    assert "terminated" in s.completion.result


# -- retries -----------------------------------------------------------------------------------------------------------

POLICY = RetryPolicy(first_retry_interval=timedelta(seconds=2), max_number_of_attempts=3, backoff_coefficient=2)


def test_retry_takes_new_ids_and_keeps_one_execution_id(script):
    async def main(r):
        return await call(r, "a", retry=POLICY)

    s = script(main)
    first = s.start().actions[0]
    timer = s.turn(s.failed(1)).actions[0]
    assert isinstance(timer, CreateTimer)
    assert (timer.id, timer.name, timer.origin.value) == (2, "a-retry", first.task_execution_id)
    assert timer.fire_at == s.now + 2 * SECOND
    second = s.turn(s.fired(2)).actions[0]
    assert (second.id, second.task_execution_id) == (3, first.task_execution_id)
    assert s.turn(s.failed(3)).actions[0].fire_at == s.now + 4 * SECOND
    s.turn(s.fired(4))
    s.turn(s.failed(5))
    assert s.completion.failure.error_type.endswith("TaskFailedError")
    assert "after 3 attempts" in s.completion.failure.error_message
    assert s.completion.failure.inner.error_type == "ValueError"


def test_retry_without_a_longest_interval_still_happens(script):
    """Seed defect 10."""

    async def main(r):
        return await call(r, "a", retry=POLICY)

    s = script(main)
    s.start()
    s.turn(s.failed(1))
    s.turn(s.fired(2))
    s.turn(s.done(3, "ok"))
    assert s.completion.result == "ok"


def test_non_retryable_types_end_the_attempts(script):
    policy = RetryPolicy(
        first_retry_interval=timedelta(seconds=1), max_number_of_attempts=9, non_retryable_error_types=(KeyError,)
    )

    async def main(r):
        return await call(r, "a", retry=policy)

    s = script(main)
    s.start()
    assert s.turn(s.failed(1, "KeyError")).complete


def test_a_childs_retries_name_the_first_attempt(script):
    async def main(r):
        return await r.call_child("kid", None, identity, retry=POLICY)

    s = script(main)
    first = s.start().actions[0]
    assert isinstance(first, CreateChild)
    assert first.retry_parent_instance_id is None
    timer = s.turn(ev.ChildFailed(-1, 0, 1, ev.FailureDetails("E", "m"))).actions[0]
    assert timer.origin.value == "i:0001"
    assert s.turn(s.fired(2)).actions[0].retry_parent_instance_id == "i:0001"


@given(
    first=st.integers(1, 10**6),
    attempts=st.integers(1, 50),
    coefficient=st.floats(1, 1e9),
    longest=st.none() | st.integers(10**6, 10**9),
)
def test_retry_waits_grow_and_stay_within_bounds(first, attempts, coefficient, longest):
    policy = RetryPolicy(
        first_retry_interval=timedelta(microseconds=first),
        max_number_of_attempts=attempts,
        backoff_coefficient=coefficient,
        max_retry_interval=None if longest is None else timedelta(microseconds=longest),
    )
    failure = ev.FailureDetails("E", "m")
    waits = [policy.delay(n, failure, 0, 0) for n in range(1, attempts + 1)]
    assert waits[-1] is None
    assert None not in waits[:-1]
    assert waits[:-1] == sorted(waits[:-1])
    if longest is not None:
        assert all(wait <= longest * 1000 for wait in waits[:-1])
    assert all(wait <= clock.FOREVER for wait in waits[:-1])


# -- external events ---------------------------------------------------------------------------------------------------


def test_an_event_that_came_first_takes_no_id(script):
    async def main(r):
        await call(r, "a")
        return await r.wait_for_event("GO", identity)

    s = script(main)
    s.start()
    s.turn(s.raised("go", "1"))
    s.turn(s.done(1))
    assert s.completion == CompleteOrchestration(2, ev.Status.COMPLETED, result="1")


def test_waiters_and_events_are_first_in_first_out_in_any_case(script):
    async def main(r):
        waits = [r.wait_for_event("Go", identity), r.wait_for_event("gO", identity)]
        return ",".join(await when_all(waits))

    s = script(main)
    turn = s.start()
    assert [(a.fire_at, a.origin.value) for a in turn.actions] == [(clock.FOREVER, "Go"), (clock.FOREVER, "gO")]
    s.turn(s.raised("GO", "1"), s.raised("go", "2"))
    assert s.completion.result == "1,2"


def test_a_late_timer_leaves_a_newer_waiter_alone(script):
    async def main(r):
        one = await r.wait_for_event("e", identity, timeout=5 * SECOND)
        two = await r.wait_for_event("e", identity, timeout=50 * SECOND)
        return one + two

    s = script(main)
    s.start()
    s.turn(s.raised("e", "1"))
    assert s.turn(s.fired(1)).actions == []
    s.turn(s.raised("e", "2"))
    assert s.completion.result == "12"


def test_a_wait_times_out_with_a_real_timeout_error(script):
    async def main(r):
        try:
            await r.wait_for_event("e", identity, timeout=5 * SECOND)
        except TimeoutError:
            return "late"

    s = script(main)
    s.start()
    s.turn(s.fired(1))
    assert s.completion.result == "late"


def test_a_wait_of_no_time_takes_no_id(script):
    async def main(r):
        try:
            await r.wait_for_event("e", identity, timeout=0)
        except TimeoutError:
            await call(r, "a")

    s = script(main)
    assert [(a.id, type(a)) for a in s.start().actions] == [(1, ScheduleTask)]


# -- rule 4: code against history --------------------------------------------------------------------------------------


def history_of(main, drive):
    s = Script(main)
    s.start()
    drive(s)
    return s.history


def replay_of(main, history):
    def start(started, replay):
        return main(replay)

    replay = Replay("i", start)
    turn = replay.turn(history, [ev.OrchestratorStarted(-1, 10**15), ev.EventRaised(-1, 0, "poke")])
    replay.close()
    return turn


async def two_calls(r):
    await call(r, "a")
    await call(r, "b")


async def renamed(r):
    await call(r, "a")
    await call(r, "c")


async def timer_instead(r):
    await call(r, "a")
    await r.create_timer(r.now + SECOND)


async def one_more(r):
    await call(r, "a")
    call(r, "x")
    await call(r, "b")


async def one_less(r):
    await call(r, "a")


async def one_more_at_the_end(r):
    await call(r, "a")
    first = call(r, "b")
    call(r, "x")
    await first


@pytest.mark.parametrize("changed", [renamed, timer_instead, one_more, one_less, one_more_at_the_end])
def test_changed_code_fails_with_a_diff(changed):
    history = history_of(two_calls, lambda s: (s.turn(s.done(1)), s.turn(s.raised("other"))))
    turn = replay_of(changed, history)
    (action,) = turn.actions
    assert action.id == -1
    assert action.status is ev.Status.FAILED
    assert action.failure.error_type.endswith("NonDeterminismError")
    assert "expected (history)" in action.failure.error_message
    assert "got (code)" in action.failure.error_message
    if changed is not one_less:
        assert "test_replay.py:" in action.failure.error_message


def test_unchanged_code_replays():
    history = history_of(two_calls, lambda s: (s.turn(s.done(1)), s.turn(s.raised("other"))))
    assert replay_of(two_calls, history).actions == []


# -- rule 5: early answers ---------------------------------------------------------------------------------------------


def test_an_early_answer_is_kept_and_its_action_not_sent(script):
    """Seed defect 13."""

    async def main(r):
        await r.wait_for_event("go", identity)
        return await call(r, "a")

    s = script(main)
    s.start()
    s.turn(s.done(2, "early"))
    turn = s.turn(s.raised("go"))
    assert turn.actions == [CompleteOrchestration(3, ev.Status.COMPLETED, result="early")]


def test_a_second_answer_is_dropped(script):
    async def main(r):
        first = await call(r, "a")
        return first + await call(r, "b")

    s = script(main)
    s.start()
    s.turn(s.done(1, "1"), s.done(1, "other"))
    s.turn(s.done(1, "other"), s.done(2, "2"))
    assert s.completion.result == "12"


# -- rule 6: suspension ------------------------------------------------------------------------------------------------


def test_suspension_holds_events_back_and_sends_nothing(script):
    """Seed defect 11."""

    async def main(r):
        await call(r, "a")
        await call(r, "b")
        await call(r, "c")
        return "end"

    s = script(main)
    s.start()
    # asked for in the very turn that suspends: not sent
    assert s.turn(s.done(1), ev.ExecutionSuspended(-1, 0)).actions == []
    assert s.turn(s.raised("e")).actions == []
    assert ids(s.turn(ev.ExecutionResumed(-1, 0))) == [2]
    assert s.turn(ev.ExecutionSuspended(-1, 0)).actions == []
    assert s.turn(s.done(2)).actions == []
    assert ids(s.turn(ev.ExecutionResumed(-1, 0))) == [3]
    s.turn(s.done(3))
    assert s.completion.result == "end"


def test_terminate_works_while_suspended(script):
    async def main(r):
        await call(r, "a")

    s = script(main)
    s.start()
    s.turn(ev.ExecutionSuspended(-1, 0))
    turn = s.turn(ev.ExecutionTerminated(-1, 0, '"enough"'))
    assert [(a.status, a.result) for a in turn.actions] == [(ev.Status.TERMINATED, '"enough"')]


# -- rule 7: terminate -------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("words", ['"why"', "0", "false", '""', None])
def test_terminate_answers_with_the_terminators_words(script, words):
    async def main(r):
        await call(r, "a")
        await call(r, "b")

    s = script(main)
    s.start()
    turn = s.turn(ev.ExecutionTerminated(-1, 0, words), s.done(1))
    (action,) = turn.actions
    assert (action.status, action.result) == (ev.Status.TERMINATED, words)


def test_a_completion_wins_over_a_later_terminate_but_starting_over_does_not(script):
    async def ends(r):
        await call(r, "a")
        return "done"

    async def starts_over(r):
        await call(r, "a")
        r.continue_as_new("1", save_events=False)
        return None

    s = script(ends)
    s.start()
    s.turn(s.done(1), ev.ExecutionTerminated(-1, 0, None))
    assert s.completion.status is ev.Status.COMPLETED
    s = script(starts_over)
    s.start()
    s.turn(s.done(1), ev.ExecutionTerminated(-1, 0, None))
    assert s.completion.status is ev.Status.TERMINATED


def test_continue_as_new_carries_unread_events_in_order(script):
    async def main(r):
        await call(r, "a")
        call(r, "lost")
        r.continue_as_new("0", save_events=True)

    s = script(main)
    s.start()
    s.turn(s.raised("y", "1"), s.raised("x", "0"), s.raised("y", '""'))
    turn = s.turn(s.done(1))
    (action,) = turn.actions
    assert (action.status, action.result) == (ev.Status.CONTINUED_AS_NEW, "0")
    assert [(e.name, e.input) for e in action.carryover] == [("y", "1"), ("x", "0"), ("y", '""')]


def test_continue_as_new_carries_events_that_came_in_the_same_turn(script):
    async def main(r):
        r.continue_as_new("0", save_events=True)

    s = script(main)
    s.turn(ev.ExecutionStarted(-1, s.now, "main", None, "i", "e1"), s.raised("x", "1"))
    assert [(e.name, e.input) for e in s.completion.carryover] == [("x", "1")]


# -- rule 8: the optional timer ----------------------------------------------------------------------------------------


def without_indefinite_timers(history):
    """The history an older recorder would have written: no such timers, every later id one lower."""
    dropped = [e.event_id for e in history if isinstance(e, ev.TimerCreated) and e.fire_at == clock.FOREVER]

    def renumber(number):
        return number - sum(1 for d in dropped if d < number)

    older = []
    for event in history:
        if isinstance(event, ev.TimerCreated) and event.event_id in dropped:
            continue
        copy = type(event)(**{name: getattr(event, name) for name in event.__dataclass_fields__})
        if copy.event_id > 0:
            copy.event_id = renumber(copy.event_id)
        if isinstance(copy, ev.TaskCompleted):
            copy.task_scheduled_id = renumber(copy.task_scheduled_id)
        older.append(copy)
    return older


async def waits_beside_work(r):
    event = r.wait_for_event("go", identity)
    work = [call(r, "a"), call(r, "b")]
    other = r.wait_for_event("stop", identity)
    await when_all(work)
    last = await call(r, "c")
    return f"{await event}{await other}{last}"


def drive(s):
    s.start()
    s.turn(s.done(3, "3"))
    s.turn(s.done(2, "2"), s.raised("go", "g"))
    s.turn(s.done(5, "5"))


def test_histories_without_the_optional_timer_replay():
    s = Script(waits_beside_work)
    drive(s)
    older = without_indefinite_timers(s.history)

    def start(started, replay):
        return waits_beside_work(replay)

    replay = Replay("i", start)
    turn = replay.turn(older, [ev.OrchestratorStarted(-1, 10**15), ev.EventRaised(-1, 0, "stop", "s")])
    (action,) = turn.actions
    assert (action.id, action.result) == (4, "gs5")


def test_an_optional_timer_that_the_code_no_longer_makes_is_tolerated():
    async def without(r):
        work = [call(r, "a"), call(r, "b")]
        await when_all(work)
        return await call(r, "c")

    s = Script(waits_beside_work)
    drive(s)

    def start(started, replay):
        return without(replay)

    replay = Replay("i", start)
    turn = replay.turn([], s.history)
    assert [(a.status, a.result) for a in turn.actions] == [(ev.Status.COMPLETED, "5")]


# -- robustness --------------------------------------------------------------------------------------------------------


def test_foreign_awaitables_are_named(script):
    class Foreign:
        def __await__(self):
            yield object()

    async def main(r):
        await Foreign()

    s = script(main)
    s.start()
    assert s.completion.failure.error_type == "TypeError"
    assert "not durable" in s.completion.failure.error_message


def test_closing_runs_finally_blocks_and_asks_for_nothing():
    ran = []

    async def main(r):
        try:
            await call(r, "a")
        finally:
            ran.append("finally")
            await call(r, "cleanup")
            ran.append("never")

    s = Script(main)
    s.start()
    s.replay.close()
    assert ran == ["finally"]
    assert s.replay.turn([], []).actions == s.turns[0].actions


@settings(max_examples=80, deadline=None)
@given(data=st.data())
def test_crash_anywhere_changes_nothing(data):
    """Random programs of calls, timers, waits and fan-outs, answered in random order with random batching: a worker
    that forgets everything before every turn asks for exactly what one that remembers asks for."""
    shape = data.draw(st.lists(st.lists(st.sampled_from("atew"), min_size=1, max_size=3), min_size=1, max_size=4))

    def main_of():
        async def main(r):
            out = []
            for group in shape:
                futures = []
                for kind in group:
                    if kind == "a":
                        futures.append(call(r, "act", retry=POLICY))
                    elif kind == "t":
                        futures.append(r.create_timer(r.now + SECOND))
                    elif kind == "e":
                        futures.append(r.wait_for_event("e", identity, timeout=100 * SECOND))
                    else:
                        futures.append(r.wait_for_event("w", identity))
                for future in futures:
                    try:
                        out.append(await future)
                    except (TaskFailedError, TimeoutError) as error:
                        out.append(type(error).__name__)
            return repr(out)

        return main

    warm, cold = Script(main_of()), Script(main_of(), crash=True)
    for s in (warm, cold):
        s.start()
    answered = set()
    for _ in range(60):
        assert warm.turns[-1] == cold.turns[-1]
        if warm.turns[-1].complete:
            return
        confirmed = [
            (event.event_id, type(event))
            for event in warm.history
            if isinstance(event, ev.TaskScheduled | ev.TimerCreated)
        ]
        open_ = [pair for pair in confirmed if pair[0] not in answered]
        batch = []
        for _ in range(data.draw(st.integers(1, 3))):
            choice = data.draw(st.sampled_from([*open_, "e", "w"] if open_ else ["e", "w"]))
            if choice in ("e", "w"):
                batch.append(("raise", choice))
            elif choice[1] is ev.TimerCreated:
                batch.append(("fire", choice[0]))
                answered.add(choice[0])
            else:
                batch.append((data.draw(st.sampled_from(["ok", "fail"])), choice[0]))
                answered.add(choice[0])
        for s in (warm, cold):
            events = []
            for kind, what in batch:
                if kind == "raise":
                    events.append(s.raised(what, '"p"'))
                elif kind == "fire":
                    events.append(s.fired(what))
                elif kind == "ok":
                    events.append(s.done(what, '"r"'))
                else:
                    events.append(s.failed(what))
            s.turn(*events)


def test_a_history_that_does_not_begin_with_a_start_is_told_apart():
    async def main(replay):
        raise AssertionError("not reached")

    outcome = Replay("i", lambda started, replay: main(replay)).turn([ev.TaskScheduled(1, 0, "a")], [])
    (end,) = outcome.actions
    assert end.failure.error_message.startswith("orchestration '?', instance 'i': the code and the recorded history")
