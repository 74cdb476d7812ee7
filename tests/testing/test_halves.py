"""The two halves, where no example of the property tests goes: written from mutants that no other test noticed."""

from __future__ import annotations

import re
from datetime import timedelta

import pytest

from trio_durable import NonDeterminismError, RetryPolicy
from trio_durable._core import actions as ac
from trio_durable._core import clock
from trio_durable._core import events as ev
from trio_durable._core.carrying_out import Message
from trio_durable._core.events import Status
from trio_durable._core.failures import FailureDetails
from trio_durable._core.instance import Instance
from trio_durable._core.replay import Replay
from trio_durable.testing import History, replay_history

NOW = 1_700_000_000_000_000_000
TRACE = ev.TraceContext("00-11", "22", "s=1")
STARTED = ev.ExecutionStarted(-1, NOW, "main", "1", "i", "e1", trace_context=TRACE)


def turn_of(actions, *, started=STARTED, new_id=lambda: "new"):
    instance = Instance("i")
    plan = instance.begin([started], now=NOW)
    return instance, instance.complete(plan, actions, now=NOW + 5, new_id=new_id)


def test_a_detached_orchestration_is_created_as_it_was_asked_for():
    action = ac.CreateDetached(
        3, "other", "d", '"in"', "v2", NOW + 9, "exec", {"k": "v"}, ev.TraceContext("00-33", "44"), ev.Router("a", "b")
    )
    _, outcome = turn_of([action])
    assert outcome.history[-1] == ev.DetachedCreated(3, NOW + 5, "d", ev.Router("a", "b"))
    (message,) = outcome.messages
    assert message == Message(
        "d",
        ev.ExecutionStarted(
            -1, NOW + 5, "other", '"in"', "d", "exec", "v2", None, NOW + 9, ev.TraceContext("00-33", "44"), None,
            {"k": "v"}, ev.Router("a", "b"),
        ),
    )
    assert message.event.tags is not action.tags


def test_a_detached_orchestration_inherits_what_it_does_not_say():
    _, outcome = turn_of([ac.CreateDetached(1, "other", "d")])
    event = outcome.messages[0].event
    assert (event.execution_id, event.trace_context, event.version) == ("new", TRACE, None)
    assert (event.scheduled_start, event.parent, event.input) == (None, None, None)


def test_a_detached_orchestration_needs_an_id():
    instance, outcome = turn_of([ac.ScheduleTask(1, "a"), ac.CreateTimer(2, NOW), ac.CreateDetached(3, "other")])
    assert instance.completed is not None
    failure = instance.completed.failure
    assert (failure.error_type, failure.non_retriable) == ("OrchestrationProtocolError", True)
    assert failure.error_message == (
        "The turn of 'i' starts a detached 'other' (action #3) without an instance id. Expected one: the sidecar must "
        "not choose it, or a repeated turn would start another."
    )
    # What the turn had asked for before that is given up whole.
    assert (outcome.tasks, outcome.timers, outcome.messages) == ([], [], [])
    assert [type(event).__name__ for event in outcome.history] == [
        "OrchestratorStarted", "ExecutionStarted", "ExecutionCompleted",
    ]
    assert instance.completed.event_id == -1
    assert instance.completed.timestamp == NOW + 5


def test_a_failed_turn_leaves_no_children():
    instance, _ = turn_of([ac.CreateChild(1, "c"), ac.CreateChild(2, "d"), ac.CreateDetached(3, "other")])
    assert instance.open_children == []


def test_an_unavailable_version_stalls_and_keeps_everything():
    instance, outcome = turn_of([ac.VersionNotAvailable(1)])
    assert outcome.stalled is instance.stalled
    assert (instance.stalled.event_id, instance.stalled.timestamp, instance.stalled.reason) == (-1, NOW + 5, 1)
    assert instance.stalled.description == (
        "No connected worker has the version it asks for of this orchestration."
    )
    assert outcome.history == []
    assert instance.status is Status.STALLED


def test_a_restored_instance_is_the_one_that_was():
    instance = Instance.restore("i", [ev.OrchestratorStarted(-1, NOW), STARTED], custom_status='"here"')
    assert (instance.instance_id, instance.custom_status, instance.status) == ("i", '"here"', Status.RUNNING)
    assert (instance.started_at, instance.execution_id, instance.last_updated_at) == (NOW, "e1", NOW)


def test_a_child_is_created_as_it_was_asked_for():
    action = ac.CreateChild(3, "child", "", '"in"', "v2", 1, "first", ev.Router("", "target", "ns"))
    mine = ev.Router("", "me")
    started = ev.ExecutionStarted(-1, NOW, "main", "1", "i", "e1", "v1", trace_context=TRACE, router=mine)
    instance, outcome = turn_of([action], started=started)
    router = ev.Router("me", "target", "ns")
    assert outcome.history[-1] == ev.ChildCreated(
        3, NOW + 5, "i:0003", "child", '"in"', "v2", TRACE, 1, "first", router
    )
    parent = ev.ParentInstance(3, "i", "e1", "main", "v1", "me")
    assert outcome.messages == [
        Message(
            "i:0003",
            ev.ExecutionStarted(
                -1, NOW + 5, "child", '"in"', "i:0003", "new", "v2", parent, None, TRACE, None, {}, router
            ),
        )
    ]
    assert instance.open_children == ["i:0003"]
    _, outcome = turn_of([ac.CreateChild(1, "child", "own")])
    assert outcome.messages[0].to == outcome.messages[0].event.instance_id == "own"
    assert outcome.messages[0].event.parent.app_id is None
    assert outcome.messages[0].event.router is None


def test_the_next_execution_keeps_what_belongs_to_the_instance():
    parent = ev.ParentInstance(4, "p", "pe")
    started = ev.ExecutionStarted(
        -1, NOW, "main", "1", "i", "e1", "v1", parent, NOW, TRACE, None, {"k": "v"}, ev.Router("", "me")
    )
    carried = ev.EventRaised(-1, NOW, "go", "0")
    again = ac.CompleteOrchestration(1, Status.CONTINUED_AS_NEW, "2", new_version="v9", carryover=[carried])
    instance, outcome = turn_of([ac.ScheduleTask(2, "lost"), again], started=started)
    assert outcome.continued
    assert (outcome.history, outcome.tasks, outcome.messages) == ([], [], [])
    assert outcome.inbox == [
        ev.ExecutionStarted(
            -1, NOW + 5, "main", "2", "i", "new", "v9", parent, None, None, None, {"k": "v"}, ev.Router("", "me")
        ),
        carried,
    ]
    assert outcome.inbox[0].tags is not started.tags
    assert (instance.last_updated_at, instance.status, instance.tight_generations) == (NOW + 5, Status.RUNNING, 1)


SECOND = timedelta(seconds=1)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"first_retry_interval": timedelta(0)}, "first_retry_interval must be positive, got 0:00:00"),
        ({"max_number_of_attempts": 0}, "max_number_of_attempts must be at least 1, got 0"),
        ({"backoff_coefficient": 0.5}, "backoff_coefficient must be at least 1, got 0.5"),
        ({"max_retry_interval": SECOND / 2}, "max_retry_interval .* must not be shorter than first_retry_interval"),
        ({"retry_timeout": SECOND / 2}, "retry_timeout .* must not be shorter than first_retry_interval"),
    ],
)
def test_policies_that_make_no_sense(options, said):
    with pytest.raises(ValueError, match=said):
        RetryPolicy(**({"first_retry_interval": SECOND, "max_number_of_attempts": 2} | options))


def test_the_edges_of_a_policy():
    policy = RetryPolicy(
        first_retry_interval=SECOND, max_number_of_attempts=9, retry_timeout=SECOND, max_retry_interval=SECOND
    )
    failed = FailureDetails("E", "m")
    assert policy.delay(1, failed, NOW, NOW) == 1_000_000_000
    assert policy.delay(8, failed, NOW, NOW + 1_000_000_000) == 1_000_000_000
    assert policy.delay(8, failed, NOW, NOW + 1_000_000_001) is None
    assert policy.delay(9, failed, NOW, NOW) is None
    doubling = RetryPolicy(first_retry_interval=SECOND, max_number_of_attempts=5000, backoff_coefficient=2.0)
    assert [doubling.delay(n, failed, NOW, NOW) for n in (1, 2, 4)] == [10**9, 2 * 10**9, 8 * 10**9]
    for attempt in (100, 4000):  # past the end of time, and past the largest float
        assert NOW + doubling.delay(attempt, failed, NOW, NOW) <= clock.FOREVER


# -- the worker half ---------------------------------------------------------------------------------------------------


def replay(main):
    made = []

    def start(started, replay):
        made.append(replay)
        return main(replay)

    return Replay("i", start)


def plain(payload):
    return payload


BEGIN = [ev.OrchestratorStarted(-1, NOW), STARTED]


def test_a_failure_of_the_engine_takes_an_id_and_is_never_retried():
    async def main(replay):
        await replay.call_activity("a", None, plain)

    made = replay(main)
    made.turn([], BEGIN)
    outcome = made.fail(ValueError("broken"))
    (action,) = outcome.actions
    assert (action.id, action.status, action.failure.non_retriable) == (2, Status.FAILED, True)
    assert outcome.complete
    assert made.fail(ValueError("broken"), action_id=-1).actions[0].id == -1


def test_a_history_without_the_timers_of_indefinite_waits():
    """Two waits that older recorders wrote no timers for: both go, and all later ids move down, twice."""

    async def main(replay):
        first = replay.wait_for_event("one", plain)
        task = replay.call_activity("a", None, plain)
        second = replay.wait_for_event("two", plain)
        last = replay.call_activity("b", None, plain)
        found = [await task, await last, await first, await second]
        return f"[{','.join(found)}]"

    made = replay(main)
    past = [*BEGIN, ev.TaskScheduled(1, NOW, "a"), ev.TaskScheduled(2, NOW, "b")]
    new = [
        ev.OrchestratorStarted(-1, NOW + 1),
        ev.TaskCompleted(-1, NOW, 2, "22"),
        ev.TaskCompleted(-1, NOW, 1, "11"),
        ev.EventRaised(-1, NOW, "two", "44"),
        ev.EventRaised(-1, NOW, "one", "33"),
    ]
    outcome = made.turn(past, new)
    assert outcome.actions == [ac.CompleteOrchestration(3, Status.COMPLETED, "[11,22,33,44]")]


def test_an_early_answer_finds_the_action_that_moves_down_to_it():
    async def main(replay):
        replay.wait_for_event("never", plain)
        first = replay.call_activity("a", None, plain)
        second = replay.call_activity("b", None, plain)
        return f"[{await first},{await second}]"

    made = replay(main)
    # The answer to number 1 (the first activity, in that recorder's numbers) comes before its confirmation.
    past = [
        ev.OrchestratorStarted(-1, NOW),
        ev.TaskCompleted(-1, NOW, 1, '"one"'),
        STARTED,
        ev.TaskScheduled(1, NOW, "a"),
        ev.TaskScheduled(2, NOW, "b"),
    ]
    outcome = made.turn(past, [ev.OrchestratorStarted(-1, NOW), ev.TaskCompleted(-1, NOW, 2, '"two"')])
    assert outcome.actions == [ac.CompleteOrchestration(3, Status.COMPLETED, '["one","two"]')]


def test_a_timer_of_a_wait_that_the_code_does_not_make_moves_ids_up():
    async def main(replay):
        first = await replay.call_activity("a", None, plain)
        return await replay.call_activity("b", first, plain)

    made = replay(main)
    forever = ev.TimerCreated(
        1, NOW, 253_402_300_799_999_999_999, "go", ev.TimerOrigin(ev.TimerOriginKind.EXTERNAL_EVENT, "go")
    )
    outcome = made.turn(
        [*BEGIN, forever, ev.TaskScheduled(2, NOW, "a")],
        [ev.OrchestratorStarted(-1, NOW), ev.TaskCompleted(-1, NOW, 2, "1")],
    )
    (action,) = outcome.actions
    assert (action.id, action.name, action.input) == (3, "b", "1")
    assert made.debug_info()["not_answered"] == ["activity #3"]


async def asks(ctx, n):
    await ctx.call_activity("a")


async def ends(ctx, n):
    return None


USUAL = (
    "The usual causes: the code was changed while this instance was running; a branch depends on a value that is not "
    "the same on every replay (a clock, randomness, the environment, the order of a set); a call was made from "
    "something other than the orchestration's own code. Keep the old order of calls for running instances (register "
    "the changed orchestrator under a new name or version), or take such values from an activity."
)


def disagreement(function, *events):
    started = ev.ExecutionStarted(-1, NOW, function.__name__, "1", "i", "e1")
    history = History("i", "x", [ev.OrchestratorStarted(-1, NOW), started, *events])
    with pytest.raises(NonDeterminismError) as caught:
        replay_history(history, function)
    return str(caught.value)


def test_where_changed_code_fails_is_said():
    line = asks.__code__.co_firstlineno + 1
    assert f"(asked for at {__file__}:{line})" in disagreement(asks, ev.TaskScheduled(1, NOW, "b"))


def test_the_words_of_a_disagreement():
    text = disagreement(asks, ev.TaskScheduled(1, NOW, "b"))
    assert re.sub(r"asked for at \S+", "asked for at HERE)", text) == (
        "orchestration 'asks', instance 'i': the code and the recorded history disagree.\n"
        "  - expected (history): #1 call activity 'b'\n"
        "  + got (code):         #1 call activity 'a'   (asked for at HERE)\n" + USUAL
    )
    text = disagreement(asks, ev.TaskScheduled(1, NOW, "a"), ev.TaskScheduled(2, NOW, "a"))
    assert text.splitlines()[1:] == [
        "  - expected (history): #2 call activity 'a'", "  + got (code):         nothing", USUAL,
    ]
    text = disagreement(ends, ev.TaskScheduled(1, NOW, "a"))
    assert text.splitlines()[2] == "  + got (code):         the orchestration ended before this point"
    text = disagreement(asks, ev.OrchestratorStarted(-1, NOW), ev.TaskCompleted(-1, NOW, 1))
    assert text.splitlines()[1] == "  - expected (history): nothing more in that turn"
