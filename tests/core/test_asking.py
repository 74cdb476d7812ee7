"""What code asks for arrives as it was asked for: every field of every action, and what the engine says in words."""

from __future__ import annotations

import uuid
from datetime import UTC, datetime, timedelta

import pytest

from tests.core.conftest import SECOND, identity
from trio_durable._core import clock
from trio_durable._core import events as ev
from trio_durable._core.actions import CompleteOrchestration, CreateChild, CreateDetached, CreateTimer, ScheduleTask
from trio_durable._core.events import Status
from trio_durable._core.replay import Replay
from trio_durable._core.retry import RetryPolicy
from trio_durable._core.timeouts import move_on_after

ROUTER = ev.Router("here", "there")
TRACE = ev.TraceContext("00-1", "2")
TWICE = RetryPolicy(first_retry_interval=timedelta(seconds=1), max_number_of_attempts=2)


def asked(script, ask):
    """The actions of a first turn in which `ask(replay)` was called, and what it returned."""
    box = []

    async def main(replay):
        box.append(ask(replay))
        await replay.future("for ever")

    return script(main).start().actions, box[-1]


def test_an_activity(script):
    (action,), future = asked(script, lambda r: r.call_activity("a", "[1]", identity, router=ROUTER, scope=2))
    assert action == ScheduleTask(1, "a", "[1]", None, action.task_execution_id, 2, ROUTER)
    assert str(uuid.UUID(action.task_execution_id)) == action.task_execution_id
    assert repr(future) == "<DurableFuture activity 'a': pending>"


def test_a_child(script):
    (action, other), (future, _) = asked(
        script,
        lambda r: (
            r.call_child("c", "[1]", identity, instance_id="kid", version="v2", router=ROUTER, scope=2),
            r.call_child("c", None, identity),
        ),
    )
    assert action == CreateChild(1, "c", "kid", "[1]", "v2", 2, None, ROUTER)
    assert other == CreateChild(2, "c")
    assert repr(future) == "<DurableFuture child orchestration 'c': pending>"


@pytest.mark.parametrize(("given", "first"), [("", "i:0001"), ("kid", "kid")])
def test_a_childs_second_attempt(script, given, first):
    async def main(replay):
        await replay.call_child("c", "[1]", identity, instance_id=given, retry=TWICE, router=ROUTER, scope=2)

    s = script(main)
    s.start()
    failed = ev.ChildFailed(-1, s.now, 1, ev.FailureDetails("E", "m"))
    (timer,) = s.turn(failed).actions
    origin = ev.TimerOrigin(ev.TimerOriginKind.CHILD_RETRY, first)
    assert timer == CreateTimer(2, s.now + SECOND, "c-retry", origin)
    (again,) = s.turn(s.fired(2)).actions
    assert again == CreateChild(3, "c", given, "[1]", None, 2, first, ROUTER)


def test_a_detached_orchestration(script):
    (action, other, third), ids = asked(
        script,
        lambda r: (
            r.start_detached(
                "d", "[1]", instance_id="x", version="v", scheduled_start=5, tags={"k": "v"}, trace=TRACE, router=ROUTER
            ),
            r.start_detached("d", None),
            r.start_detached("d", None),
        ),
    )
    assert action == CreateDetached(1, "d", "x", "[1]", "v", 5, None, {"k": "v"}, TRACE, ROUTER)
    assert other == CreateDetached(2, "d", ids[1])
    assert [action.instance_id, other.instance_id, third.instance_id] == list(ids)
    # Ids that code may have kept: made as they always were.
    assert ids[1:] == ("51bd1d473f6e5a31adf5bf1f7e66fddf", "b20e7d0b5a2f54bf836215f662d476ee")


def test_a_timer(script):
    origin = ev.TimerOrigin(ev.TimerOriginKind.CREATE_TIMER)
    times = (5, clock.FOREVER, 2 * clock.FOREVER)
    actions, (future, *_) = asked(script, lambda r: [r.create_timer(at) for at in times])
    assert actions == [CreateTimer(n, at, None, origin) for n, at in ((1, 5), (2, clock.FOREVER), (3, clock.FOREVER))]
    assert repr(future) == "<DurableFuture timer: pending>"


def test_a_wait_for_an_event(script):
    actions, (future, *_) = asked(
        script, lambda r: [r.wait_for_event("Go", identity, timeout=after) for after in (None, 7, 2 * clock.FOREVER)]
    )
    assert [action.origin for action in actions] == [ev.TimerOrigin(ev.TimerOriginKind.EXTERNAL_EVENT, "Go")] * 3
    assert [action.name for action in actions] == ["Go"] * 3
    assert [action.fire_at for action in actions] == [clock.FOREVER, 1_001 * SECOND + 7, clock.FOREVER]
    assert repr(future) == "<DurableFuture external event 'Go': pending>"


def test_starting_over_as_another_version(script):
    async def main(replay):
        replay.continue_as_new("[2]", save_events=True, version="v2")

    s = script(main)
    s.start()
    assert s.completion == CompleteOrchestration(1, Status.CONTINUED_AS_NEW, "[2]", None, "v2", [])


def test_a_spawned_task_gives_its_outcome(script):
    async def child(outcome):
        if isinstance(outcome, Exception):
            raise outcome
        return outcome

    names = []

    async def main(replay):
        value = replay.spawn(child(5), "named")
        error = replay.spawn(child(KeyError("k")), "other")
        names.extend(task.name for task in replay.scheduler._live)
        assert repr(value) == "<DurableFuture task named: pending>"
        assert await value == 5
        try:
            await error
        except KeyError as caught:
            return repr(caught)

    s = script(main)
    s.start()
    assert s.completion.result == "KeyError('k')"
    assert names[-2:] == ["named", "other"]


def test_what_an_orchestration_can_be_asked_about_itself(script):
    seen = []

    async def main(replay):
        replay.patches.ask("p", replaying=False)
        replay.wait_for_event("b", identity)
        replay.wait_for_event("a", identity)
        await replay.call_activity("act", None, identity)
        replay.create_timer(5)
        seen.append(replay.debug_info())

    s = script(main)
    s.start()
    s.turn(s.raised("Unread"), s.done(3))
    assert seen[-1] == {
        "next_id": 5,
        "asked_for_in_this_turn": ["#4 create a timer"],
        "not_answered": ["timer #1", "timer #2", "timer #4"],
        "waits_for_events": ["a", "b"],
        "unread_events": ["Unread"],
        "tasks": [],
        "patches": ["p"],
    }


def test_moments_are_distinct(script):
    _, moments = asked(script, lambda r: [r.distinct_moment() for _ in range(3)])
    begin = datetime.fromtimestamp(1_001, UTC)
    assert moments == [begin + timedelta(microseconds=n) for n in (1, 2, 3)]


def test_a_disagreement_names_the_orchestration_and_the_instance():
    async def main(replay):
        await replay.call_activity("a", None, identity)

    replay = Replay("inst", lambda started, r: main(r))
    begin = [ev.OrchestratorStarted(-1, 1), ev.ExecutionStarted(-1, 1, "flow")]
    (action,) = replay.turn([*begin, ev.TaskScheduled(1, 1, "b")], []).actions
    words = action.failure.error_message
    assert words.startswith("orchestration 'flow', instance 'inst': the code and the recorded history disagree.\n")
    nameless = Replay("inst", lambda started, r: main(r)).turn([ev.TaskScheduled(1, 1, "b")], []).actions[0]
    assert nameless.failure.error_message.startswith("orchestration '?', instance 'inst': ")


def test_a_terminate_while_something_is_asked_for_takes_the_next_id(script):
    async def main(replay):
        await replay.call_activity("a", None, identity)

    s = script(main)
    s.start()
    s.turn(ev.ExecutionTerminated(-1, s.now, '"why"'))
    assert s.completion == CompleteOrchestration(2, Status.TERMINATED, '"why"')


def failing(script, *, retry=None, by_child=False, failures=1, details=("ValueError", "no")):
    """The words of the failure, and the script, once every attempt has failed."""

    async def main(replay):
        call = replay.call_child if by_child else replay.call_activity
        await call("a", None, identity, retry=retry)

    s = script(main)
    s.start()
    number = 1
    for attempt in range(failures):
        if attempt:
            s.turn(s.fired(number - 1))
        failure = None if details is None else ev.FailureDetails(*details)
        s.turn((ev.ChildFailed if by_child else ev.TaskFailed)(-1, s.now, number, failure))
        number += 2
    return s.completion.failure.error_message, s


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({}, "activity 'a' failed: ValueError: no"),
        ({"details": ("", "no")}, "activity 'a' failed: no"),
        ({"retry": TWICE, "failures": 2}, "activity 'a' failed after 2 attempts: ValueError: no"),
        ({"by_child": True, "details": None}, "child orchestration 'a' failed: child orchestration 'a' was terminated"),
    ],
)
def test_the_words_of_a_failure(script, options, words):
    message, s = failing(script, **options)
    assert message == words
    if options.get("details", 1) is None:
        assert s.completion.failure.inner.error_type == ""


def test_the_time_for_attempts_counts_from_the_first_one(script):
    patient = RetryPolicy(
        first_retry_interval=timedelta(seconds=10), max_number_of_attempts=9, retry_timeout=timedelta(seconds=12)
    )
    # The second attempt fails 11 s after the first one began, which is in time; the third one 21 s after it.
    assert failing(script, retry=patient, failures=3)[0] == "activity 'a' failed after 3 attempts: ValueError: no"


def test_jitter_is_drawn_from_the_instance_and_the_call(script):
    policy = RetryPolicy(first_retry_interval=timedelta(seconds=10), max_number_of_attempts=2, jitter=1.0)

    async def main(replay):
        await replay.call_activity("a", None, identity, retry=policy)

    s = script(main)
    (asked,) = s.start().actions
    (timer,) = s.turn(s.failed(1)).actions
    key = f"i|{asked.task_execution_id}"
    assert timer.fire_at - s.now == policy.delay(1, ev.FailureDetails("E", "m"), s.now, s.now, key=key)


def test_a_wait_that_ends_too_early_says_how_long_it_was(script):
    async def main(replay):
        try:
            await replay.wait_for_event("Go", identity, timeout=1_500_000_000)
        except TimeoutError as error:
            return str(error)

    s = script(main)
    s.start()
    s.turn(s.fired(1), seconds=2)
    assert s.completion.result == "no external event 'Go' arrived in time (waited 1.5 s)"


def test_a_wait_of_one_nanosecond_is_a_wait(script):
    (action,), _ = asked(script, lambda r: r.wait_for_event("go", identity, timeout=1))
    assert action.fire_at == 1_001 * SECOND + 1


def test_futures_hash_by_the_order_in_which_they_were_made(script):
    _, numbers = asked(script, lambda r: [hash(r.future(name)) for name in "abc"])
    assert numbers == sorted(set(numbers))


def test_what_decoding_raises_fails_the_call(script):
    def decode(payload):
        raise KeyError(payload)

    async def main(replay):
        try:
            await replay.call_activity("a", None, decode)
        except KeyError as error:
            return repr(error)

    s = script(main)
    s.start()
    s.turn(s.done(1, "[1]"))
    assert s.completion.result == "KeyError('[1]')"


def test_a_wait_that_is_over_is_no_longer_waited_for(script):
    async def main(replay):
        await replay.wait_for_event("a", identity)
        box.append(replay.debug_info()["waits_for_events"])

    box: list = []
    s = script(main)
    s.start()
    assert s.replay.debug_info()["waits_for_events"] == ["a"]
    s.turn(s.raised("A"))
    assert box[-1] == []


async def waits_again(replay, retry):
    """Give up the wait for a call after five seconds, and wait for it again after an event."""
    future = replay.call_activity("a", None, identity, retry=retry)
    with move_on_after(5):
        await future
    await replay.wait_for_event("go on", identity)
    return await future


def test_a_call_may_be_waited_for_again(script):
    s = script(lambda replay: waits_again(replay, TWICE))
    assert [action.id for action in s.start().actions] == [1, 2]
    s.turn(s.fired(2))
    s.turn(s.raised("go on"))
    s.turn(s.done(1, "late"))
    assert s.completion.result == "late"


def test_what_nobody_waits_for_is_not_tried_again_until_somebody_does(script):
    retry = RetryPolicy(first_retry_interval=timedelta(seconds=60), max_number_of_attempts=2)
    s = script(lambda replay: waits_again(replay, retry))
    s.start()
    (pause,) = s.turn(s.failed(1)).actions
    assert isinstance(pause, CreateTimer)
    s.turn(s.fired(2))
    assert [type(action) for action in s.turn(s.fired(pause.id)).actions] == []
    again = s.turn(s.raised("go on")).actions
    assert [type(action) for action in again] == [ScheduleTask]
    s.turn(s.done(again[0].id, "second"))
    assert s.completion.result == "second"
