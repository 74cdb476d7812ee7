"""The service half carries out each action as it was asked for: every field of what it writes and sends."""

from __future__ import annotations

import pytest

from trio_durable._core import actions as ac
from trio_durable._core import events as ev
from trio_durable._core.carrying_out import Message
from trio_durable._core.events import Status
from trio_durable._core.failures import FailureDetails
from trio_durable._core.instance import PATCH_MISMATCH, VERSION_NOT_AVAILABLE, Instance

NOW = 1_700_000_000_000_000_000
TRACE = ev.TraceContext("00-11", "22", "s=1")
PARENT = ev.ParentInstance(4, "above", "e0")


def turn_of(*actions, **started):
    event = ev.ExecutionStarted(-1, NOW, "main", "1", "i", "e1", trace_context=TRACE, **started)
    instance = Instance("i")
    plan = instance.begin([event], now=NOW)
    return instance, instance.complete(plan, list(actions), now=NOW + 5, new_id=lambda: "new")


def test_an_activity():
    action = ac.ScheduleTask(3, "a", "[1]", "v2", "exec", 1, ev.Router("", "there", "ns"))
    _, outcome = turn_of(action)
    (task,) = outcome.tasks
    assert task == outcome.history[-1]
    assert task == ev.TaskScheduled(3, NOW + 5, "a", "[1]", "v2", "exec", TRACE, 1, ev.Router("", "there", "ns"))


@pytest.mark.parametrize(
    ("asked", "written"),
    [(None, ev.Router("me")), (ev.Router("", "there", "ns"), ev.Router("me", "there", "ns"))],
)
def test_an_activity_of_an_app_with_an_id(asked, written):
    _, outcome = turn_of(ac.ScheduleTask(1, "a", router=asked), router=ev.Router("other", "me"))
    assert outcome.tasks[0].router == written


def test_an_event_for_another_instance():
    _, outcome = turn_of(ac.SendEvent(2, "other", "go", "[1]"))
    assert outcome.history[-1] == ev.EventSent(2, NOW + 5, "other", "go", "[1]")
    assert outcome.messages == [Message("other", ev.EventRaised(-1, NOW + 5, "go", "[1]"))]


def test_a_terminate_for_another_instance():
    _, outcome = turn_of(ac.TerminateInstance(2, "other", "why", True))
    assert outcome.messages == [Message("other", ev.ExecutionTerminated(-1, NOW + 5, "why", True))]


def test_a_timer():
    origin = ev.TimerOrigin(ev.TimerOriginKind.EXTERNAL_EVENT, "go")
    _, outcome = turn_of(ac.CreateTimer(2, NOW + 9, "go", origin))
    assert outcome.timers == [outcome.history[-1]] == [ev.TimerCreated(2, NOW + 5, NOW + 9, "go", origin)]


FAILURE = FailureDetails("E", "m")


@pytest.mark.parametrize(
    ("end", "answer"),
    [
        (
            ac.CompleteOrchestration(2, Status.COMPLETED, "[1]"),
            ev.ChildCompleted(-1, NOW + 5, 4, "[1]"),
        ),
        (
            ac.CompleteOrchestration(2, Status.FAILED, failure=FAILURE),
            ev.ChildFailed(-1, NOW + 5, 4, FAILURE),
        ),
    ],
)
def test_the_end_of_a_child_is_told_to_its_parent(end, answer):
    instance, outcome = turn_of(end, parent=PARENT)
    assert [(message.to, message.event) for message in outcome.messages] == [("above", answer)]
    assert instance.completed is not None


def test_the_end_of_an_orchestration_without_a_parent_is_told_to_nobody():
    _, outcome = turn_of(ac.CompleteOrchestration(2, Status.COMPLETED, "[1]"))
    assert outcome.messages == []


def test_what_is_asked_for_again_under_its_name_is_dropped_and_anything_else_ends_the_instance():
    for name, fails in (("a", False), ("b", True)):
        instance, _ = turn_of(ac.ScheduleTask(1, "a"))
        plan = instance.begin([ev.EventRaised(-1, NOW, "go")], now=NOW)
        outcome = instance.complete(plan, [ac.ScheduleTask(1, name)], now=NOW + 6, new_id=lambda: "new")
        assert outcome.tasks == []
        assert (instance.completed is not None) is fails
    assert instance.completed.failure.error_message == (
        "The turn of 'i' asks for activity #1, which history holds already: the code took another path than the one "
        "recorded. Expected: a new id for each new action. Check the orchestrator for non-deterministic code or a "
        "change that needs a new version."
    )


def test_a_terminate_may_reach_the_children():
    for recurse in (True, False):
        instance, _ = turn_of(ac.CreateChild(1, "c", "kid"), ac.CreateChild(2, "c"))
        terminate = ev.ExecutionTerminated(-1, NOW, '"why"', recurse)
        plan = instance.begin([terminate], now=NOW + 6)
        outcome = instance.complete(plan, [], now=NOW + 7, new_id=lambda: "new")
        assert instance.completed == ev.ExecutionCompleted(-1, NOW + 7, Status.TERMINATED, '"why"')
        told = [(message.to, message.event) for message in outcome.messages]
        also = ev.ExecutionTerminated(-1, NOW + 7, '"why"', True)
        assert told == ([("kid", also), ("i:0002", also)] if recurse else [])


def test_an_instance_before_its_first_turn():
    instance = Instance("i")
    assert (instance.custom_status, instance.continued, instance.completed) == (None, False, None)


# -- what a turn may repeat, and what it gives up ----------------------------------------------------------------------


def test_an_instance_that_nothing_happened_to():
    instance = Instance("i")
    assert instance.last_updated_at == 0
    assert instance.status is Status.PENDING


def test_an_answer_that_came_twice_at_once_counts_once():
    instance, _ = turn_of(ac.ScheduleTask(1, "a"), ac.ScheduleTask(2, "b"))
    first, second = (ev.TaskCompleted(-1, NOW, 1, text) for text in ("first", "second"))
    other = ev.TaskCompleted(-1, NOW, 2, "other")
    plan = instance.begin([first, second, other], now=NOW)
    assert plan.events[1:] == [first, other]
    assert plan.dropped == [second]


def test_what_is_asked_for_again_is_left_and_what_follows_is_carried_out():
    instance, _ = turn_of(ac.ScheduleTask(1, "a"), ac.CreateTimer(2, 5, None))
    again = [ac.ScheduleTask(1, "a"), ac.CreateTimer(2, 5, None), ac.ScheduleTask(3, "b")]
    plan = instance.begin([ev.EventRaised(-1, NOW, "poke")], now=NOW)
    outcome = instance.complete(plan, again, now=NOW, new_id=lambda: "new")
    assert [task.event_id for task in outcome.tasks] == [3]
    assert outcome.timers == []


@pytest.mark.parametrize(("number", "stalls"), [(2, True), (-1, False)])
def test_only_the_engines_own_end_may_have_come_less_far_than_the_patches(number, stalls):
    event = ev.ExecutionStarted(-1, NOW, "main", "1", "i", "e1")
    instance = Instance("i")
    instance.complete(instance.begin([event], now=NOW), [], now=NOW, new_id=lambda: "new", patches=("p",))
    plan = instance.begin([ev.EventRaised(-1, NOW, "poke")], now=NOW)
    end = ac.CompleteOrchestration(number, Status.FAILED, failure=FAILURE)
    outcome = instance.complete(plan, [end], now=NOW, new_id=lambda: "new")
    assert (outcome.stalled is not None) is stalls


def test_a_turn_that_cannot_be_carried_out_leaves_nothing_of_it():
    asked = [
        ac.ScheduleTask(1, "a"), ac.CreateTimer(2, 5, None), ac.CreateChild(3, "c", "kid"), ac.SendEvent(4, "x", "go"),
        ac.UnknownAction(5, "dance"),
    ]  # fmt: skip
    _, outcome = turn_of(*asked)
    assert [type(event).__name__ for event in outcome.history] == [
        "OrchestratorStarted", "ExecutionStarted", "ExecutionCompleted",
    ]  # fmt: skip
    assert (outcome.tasks, outcome.timers, outcome.messages) == ([], [], [])


def test_a_terminate_reaches_no_child_that_was_given_up_with_its_turn():
    instance, _ = turn_of(ac.CreateChild(1, "c", "old"))
    plan = instance.begin([ev.ExecutionTerminated(-1, NOW, "why", True)], now=NOW)
    outcome = instance.complete(plan, [ac.CreateChild(2, "c", "new")], now=NOW, new_id=lambda: "new")
    assert [message.to for message in outcome.messages] == ["old"]


# -- turns that end the instance, or leave it where it was -------------------------------------------------------------


def answered(instance, *actions, now=NOW + 7, **more):
    plan = instance.begin([ev.EventRaised(-1, NOW, "poke")], now=NOW + 6)
    return instance.complete(plan, list(actions), now=now, new_id=lambda: "new", **more)


@pytest.mark.parametrize(("version", "wanted"), [("v2", "version 'v2'"), (None, "the version it asks for")])
def test_a_version_that_no_worker_has(version, wanted):
    instance = Instance("i")
    first = instance.begin([ev.ExecutionStarted(-1, NOW, "main", "1", "i", "e1")], now=NOW)
    outcome = instance.complete(first, [], now=NOW, new_id=lambda: "new", version=version)
    assert outcome.history[0] == ev.OrchestratorStarted(-1, NOW, version=version)
    outcome = answered(instance, ac.VersionNotAvailable(1))
    words = f"No connected worker has {wanted} of this orchestration."
    assert outcome.stalled == ev.ExecutionStalled(-1, NOW + 7, VERSION_NOT_AVAILABLE, words)
    assert outcome.history == []
    assert instance.status is Status.STALLED


def test_patches_that_history_holds_and_the_code_no_longer():
    instance = Instance("i")
    first = instance.begin([ev.ExecutionStarted(-1, NOW, "main", "1", "i", "e1")], now=NOW)
    outcome = instance.complete(first, [], now=NOW, new_id=lambda: "new", patches=("p", "q"))
    assert outcome.history[0] == ev.OrchestratorStarted(-1, NOW, patches=("p", "q"))
    words = (
        "History holds the patches ['p', 'q'], and the worker's code applied ['p'], which does not begin with them: "
        "the code was changed where it had been before."
    )
    outcome = answered(instance, ac.ScheduleTask(1, "a"), patches=("p",))
    assert outcome.stalled == ev.ExecutionStalled(-1, NOW + 7, PATCH_MISMATCH, words)
    assert answered(instance, ac.ScheduleTask(1, "a"), patches=("p", "q", "r")).stalled is None


def test_what_cannot_be_carried_out_fails_the_instance():
    instance, outcome = turn_of(ac.UnknownAction(5, "dance"))
    end = outcome.history[-1]
    assert isinstance(end, ev.ExecutionCompleted)
    assert (end.event_id, end.timestamp, end.status, end.result) == (-1, NOW + 5, Status.FAILED, None)
    assert end.failure == FailureDetails("OrchestrationProtocolError", end.failure.error_message, non_retriable=True)
    assert instance.status is Status.FAILED


def test_starting_over_begins_with_all_that_stays():
    end = ac.CompleteOrchestration(1, Status.CONTINUED_AS_NEW, "2", new_version="v2")
    end.carryover = [ev.EventRaised(-1, NOW, "kept")]
    router, tags = ev.Router("", "me"), {"k": "v"}
    instance, outcome = turn_of(end, router=router, tags=tags, parent=PARENT)
    assert outcome.continued
    started = ev.ExecutionStarted(
        -1, NOW + 5, "main", "2", "i", "new", version="v2", parent=PARENT, tags=tags, router=router
    )
    assert outcome.inbox == [started, *end.carryover]
    assert instance.last_updated_at == NOW + 5


def test_a_detached_start_is_dated():
    _, outcome = turn_of(ac.CreateDetached(1, "d", "free"))
    assert [message.event.timestamp for message in outcome.messages] == [NOW + 5]
    assert outcome.history[-1] == ev.DetachedCreated(1, NOW + 5, "free")


class Dance(ac.Action):
    pass


@pytest.mark.parametrize(
    ("action", "words"),
    [
        (
            ac.CompleteOrchestration(1, Status.RUNNING),
            "The turn ends 'i' with status RUNNING, which is no end. Expected COMPLETED, FAILED, TERMINATED, CANCELED "
            "or CONTINUED_AS_NEW.",
        ),
        *(
            (
                action,
                f"The turn of 'i' asks for {what} (action #5), which this sidecar cannot do. Expected an action of the "
                "Dapr dialect of the protocol. Update the sidecar or the worker.",
            )
            for action, what in [(ac.UnknownAction(5, "waltz"), "waltz"), (Dance(5), "Dance")]
        ),
    ],
)
def test_what_a_sidecar_says_that_cannot_do_it(action, words):
    _, outcome = turn_of(action)
    assert outcome.history[-1].failure.error_message == words


def test_what_history_tells_of_children_versions_and_the_end():
    history = [
        ev.OrchestratorStarted(-1, NOW),
        ev.ExecutionStarted(-1, NOW, "main", None, "i", "e1", version="1"),
        ev.ChildCreated(1, NOW, "kid", "c"),
        ev.ChildCreated(2, NOW, "other", "c"),
        ev.ChildCompleted(-1, NOW, 1, "[1]"),
        # An answer whose child this history does not know of is no reason to stumble.
        ev.ChildCompleted(-1, NOW, 9, "[1]"),
        ev.OrchestratorStarted(-1, NOW + 1, "2"),
    ]
    instance = Instance.restore("i", history)
    assert instance.open_children == ["other"]
    assert instance.version == "1"  # pinned by the first that says one
    assert (instance.completed, instance.completed_at) == (None, None)
    end = ev.ExecutionCompleted(3, NOW + 2, Status.COMPLETED, "[1]")
    instance = Instance.restore("i", [*history, end])
    assert (instance.completed, instance.completed_at) == (end, NOW + 2)
    assert Instance.restore("i", [ev.OrchestratorStarted(-1, NOW, "3"), *history[1:]]).version == "3"


def test_a_childs_answer_ends_that_child_alone():
    history = [
        ev.ExecutionStarted(-1, NOW, "main", None, "i", "e1"),
        ev.ChildCreated(1, NOW, "kid", "c"),
        ev.TaskScheduled(2, NOW, "a"),
        ev.TaskCompleted(-1, NOW, 2, "[1]"),
        # Broken, but not for children: an answer of another kind to the child's number.
        ev.TaskCompleted(-1, NOW, 1, "[1]"),
    ]
    assert Instance.restore("i", history).open_children == ["kid"]
