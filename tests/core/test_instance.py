"""The service half alone: every state against every action and every event, and what must hold of any sequence."""

from __future__ import annotations

import itertools

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_durable._core import actions as ac
from trio_durable._core import events as ev
from trio_durable._core.carrying_out import NO_ID, child_instance_id
from trio_durable._core.events import Status
from trio_durable._core.failures import FailureDetails
from trio_durable._core.instance import Instance
from trio_durable._core.ledger import ANSWERS, CONFIRMS, KIND_OF, answered_id

PARENT = ev.ParentInstance(7, "boss", "bx", "Boss")


def started(parent=PARENT, **more):
    return ev.ExecutionStarted(NO_ID, 1, "Job", '"in"', "i", "x1", parent=parent, **more)


def ids():
    counter = itertools.count(1)
    return lambda: f"new{next(counter)}"


def run(instance, inbox, actions, *, now=100, **more):
    """One whole turn."""
    plan = instance.begin(inbox, now=now)
    assert plan.events, "nothing to run"
    return instance.complete(plan, actions, now=now, new_id=ids(), **more)


def fresh():
    return Instance("i"), [started()]


def running():
    instance = Instance("i")
    run(
        instance,
        [started()],
        [
            ac.ScheduleTask(1, "act"),
            ac.CreateTimer(2, 500),
            ac.CreateChild(3, "Kid", "kid"),
            ac.CreateDetached(4, "Free", "free"),
        ],
    )
    return instance, [ev.EventRaised(NO_ID, 2, "poke")]


def suspended():
    instance, _ = running()
    run(instance, [ev.ExecutionSuspended(NO_ID, 3)], [])
    return instance, [ev.EventRaised(NO_ID, 4, "poke")]


def stalled():
    instance, poke = running()
    outcome = run(instance, poke, [ac.VersionNotAvailable(9)])
    assert outcome.stalled is not None
    return instance, poke


def continued():
    instance, poke = running()
    outcome = run(instance, poke, [ac.CompleteOrchestration(9, Status.CONTINUED_AS_NEW, "1")])
    return instance, outcome.inbox


def completed():
    instance, poke = running()
    run(instance, poke, [ac.CompleteOrchestration(9, Status.COMPLETED, "1")])
    return instance, poke


LIVING = {"fresh": fresh, "running": running, "suspended": suspended, "stalled": stalled, "continued": continued}
STATES = {**LIVING, "completed": completed}

ACTIONS = {
    "task": ac.ScheduleTask(11, "act", "1", "v", "t11"),
    "child": ac.CreateChild(12, "Kid", input="2"),
    "detached": ac.CreateDetached(13, "Free", "free2", tags={"a": "b"}),
    "timer": ac.CreateTimer(14, 900, "t", ev.TimerOrigin(ev.TimerOriginKind.CREATE_TIMER)),
    "send": ac.SendEvent(15, "other", "hi", "3"),
    "terminate": ac.TerminateInstance(16, "other", "4", True),
    "complete": ac.CompleteOrchestration(17, Status.COMPLETED, '"r"'),
    "fail": ac.CompleteOrchestration(18, Status.FAILED, failure=FailureDetails("E", "m")),
    "again": ac.CompleteOrchestration(19, Status.CONTINUED_AS_NEW, '"n"', carryover=[ev.EventRaised(NO_ID, 1, "c")]),
    "unversioned": ac.VersionNotAvailable(20),
    "unknown": ac.UnknownAction(21, "field 8"),
}

EVENTS = {
    "started": started(),
    "raised": ev.EventRaised(NO_ID, 5, "poke", "0"),
    "suspended": ev.ExecutionSuspended(NO_ID, 5),
    "resumed": ev.ExecutionResumed(NO_ID, 5),
    "terminated": ev.ExecutionTerminated(NO_ID, 5, '"stop"', True),
    "task": ev.TaskCompleted(NO_ID, 5, 1, "0"),
    "task failed": ev.TaskFailed(NO_ID, 5, 1),
    "timer": ev.TimerFired(NO_ID, 5, 2, 500),
    "child": ev.ChildCompleted(NO_ID, 5, 3, "0"),
    "child failed": ev.ChildFailed(NO_ID, 5, 3),
    "foreign task": ev.TaskCompleted(NO_ID, 5, 77),
    "foreign timer": ev.TimerFired(NO_ID, 5, 1),
}


@pytest.mark.parametrize("name", EVENTS)
@pytest.mark.parametrize("state", STATES)
def test_every_state_meets_every_event(state, name):
    instance, _ = STATES[state]()
    event = EVENTS[name]
    before = (instance.status, instance.execution_id, instance.open_children)
    plan = instance.begin([event], now=50)
    assert (instance.status, instance.execution_id, instance.open_children) == before  # planning changes nothing

    if state == "completed":
        assert (plan.events, plan.taken, plan.dropped) == ([], 1, [event])
        return
    begins = state in ("fresh", "continued")
    if begins and name != "started":
        assert (plan.events, plan.taken) == ([], 0)  # it waits for its start
        return
    duplicate = (name == "started" and not begins) or name.startswith("foreign")
    if duplicate:
        assert (plan.events, plan.taken, plan.dropped) == ([], 1, [event])
        return
    assert plan.events == [ev.OrchestratorStarted(NO_ID, 50), event]
    outcome = instance.complete(plan, [], now=60, new_id=ids())
    assert outcome.history[: len(plan.events)] == plan.events
    if name == "terminated":
        assert instance.status is Status.TERMINATED
    elif name == "suspended":
        assert instance.status is Status.SUSPENDED
    elif name == "resumed" or state != "suspended":
        assert instance.status is Status.RUNNING
    else:
        assert instance.status is Status.SUSPENDED
    if type(event) in ANSWERS:
        assert instance.begin([event], now=70).dropped == [event]  # once, and no second time


@pytest.mark.parametrize("name", ACTIONS)
@pytest.mark.parametrize("state", LIVING)
def test_every_state_meets_every_action(state, name):
    instance, inbox = LIVING[state]()
    action = ACTIONS[name]
    plan = instance.begin(inbox, now=50)
    outcome = instance.complete(plan, [action], now=60, new_id=ids(), custom_status='"c"')
    if name == "unversioned":
        assert instance.status is Status.STALLED
        assert outcome.stalled.reason == 1
        assert (outcome.history, outcome.messages) == ([], [])
        assert instance.begin(inbox, now=50) == plan  # the same turn can be planned again
        return
    assert instance.custom_status == '"c"'
    assert outcome.stalled is None
    made = outcome.history[len(plan.events) :]
    to = [(message.to, type(message.event)) for message in outcome.messages]
    if name == "again":
        assert outcome.continued
        assert (outcome.history, outcome.messages, outcome.tasks, outcome.timers) == ([], [], [], [])
        start, carried = outcome.inbox
        assert (start.name, start.input, start.parent, start.execution_id) == ("Job", '"n"', PARENT, "new1")
        assert carried == ev.EventRaised(NO_ID, 1, "c")
        assert instance.status is Status.RUNNING
        return
    assert outcome.history[: len(plan.events)] == plan.events
    if name in ("task", "child", "detached", "timer"):
        assert [(type(event), event.event_id) for event in made] == [
            (next(row for row in CONFIRMS.values() if row.kind is KIND_OF[type(action)]).confirmed_by, action.id)
        ]
    if name == "task":
        assert outcome.tasks == made
        assert (made[0].name, made[0].input, made[0].task_execution_id) == ("act", "1", "t11")
    elif name == "timer":
        assert outcome.timers == made
        assert (made[0].fire_at, made[0].name, made[0].origin) == (900, "t", action.origin)
    elif name == "child":
        assert to == [("i:000c", ev.ExecutionStarted)]
        child = outcome.messages[0].event
        assert (child.instance_id, child.input, child.execution_id) == ("i:000c", "2", "new1")
        assert (child.parent.instance_id, child.parent.task_scheduled_id) == ("i", 12)
        assert child.parent.execution_id == instance.execution_id
        assert "i:000c" in instance.open_children
    elif name == "detached":
        assert to == [("free2", ev.ExecutionStarted)]
        assert outcome.messages[0].event.parent is None
        assert outcome.messages[0].event.tags == {"a": "b"}
    elif name == "send":
        assert to == [("other", ev.EventRaised)]
    elif name == "terminate":
        assert to == [("other", ev.ExecutionTerminated)]
        assert outcome.messages[0].event.recurse
    elif name == "complete":
        assert instance.status is Status.COMPLETED
        assert made == [ev.ExecutionCompleted(17, 60, Status.COMPLETED, '"r"')]
        assert to == [("boss", ev.ChildCompleted)]
        assert outcome.messages[0].execution_id == "bx"
        assert (outcome.messages[0].event.task_scheduled_id, outcome.messages[0].event.result) == (7, '"r"')
    elif name == "fail":
        assert instance.status is Status.FAILED
        assert to == [("boss", ev.ChildFailed)]
        assert outcome.messages[0].event.failure == FailureDetails("E", "m")
    elif name == "unknown":
        assert instance.status is Status.FAILED
        assert "field 8" in made[-1].failure.error_message
        assert to == [("boss", ev.ChildFailed)]


@pytest.mark.parametrize("again", [ac.ScheduleTask(1, "act"), ac.CreateTimer(2, 5), ac.CreateChild(3, "Kid")])
def test_what_history_holds_already_is_not_done_again(again):
    """Workers of other SDKs ask again for what they asked for in the turn that suspended them."""
    instance, poke = running()
    outcome = run(instance, poke, [again, ac.ScheduleTask(30, "fine")])
    assert instance.status is Status.RUNNING
    assert [task.event_id for task in outcome.tasks] == [30]
    assert (outcome.timers, outcome.messages) == ([], [])


@pytest.mark.parametrize(
    "again", [ac.ScheduleTask(1, "other"), ac.CreateTimer(2, 5, "other"), ac.CreateChild(3, "Other")]
)
def test_an_id_that_history_holds_for_something_else_fails_the_instance(again):
    instance, poke = running()
    outcome = run(instance, poke, [ac.ScheduleTask(30, "fine"), again])
    assert instance.status is Status.FAILED
    assert f"#{again.id}" in outcome.history[-1].failure.error_message
    assert (outcome.tasks, outcome.timers) == ([], [])
    assert not any(isinstance(event, ev.TaskScheduled) for event in outcome.history)
    # A number is free for another kind: ids count per kind in some histories.
    instance, poke = running()
    run(instance, poke, [ac.CreateTimer(1, 5)])
    assert instance.status is Status.RUNNING


def test_what_is_scheduled_before_the_end_is_still_done_and_what_follows_it_stands():
    instance, poke = running()
    end = ac.CompleteOrchestration(12, Status.COMPLETED)
    later = ac.CompleteOrchestration(13, Status.CONTINUED_AS_NEW)
    outcome = run(instance, poke, [ac.ScheduleTask(11, "last"), end, later])
    assert instance.status is Status.COMPLETED
    assert [task.event_id for task in outcome.tasks] == [11]


def test_continue_as_new_loses_the_turn_s_other_actions_and_forgets_everything():
    instance, poke = running()
    again = ac.CompleteOrchestration(12, Status.CONTINUED_AS_NEW, "2")
    outcome = run(instance, poke, [ac.ScheduleTask(11, "x"), ac.CreateChild(10, "Kid", "k"), again])
    assert (outcome.tasks, outcome.messages, outcome.history) == ([], [], [])
    run(instance, outcome.inbox, [ac.ScheduleTask(1, "act")])
    assert instance.execution_id == outcome.inbox[0].execution_id
    assert instance.open_children == []
    assert instance.begin([ev.TimerFired(NO_ID, 9, 2)], now=1).events == []  # a timer of the last execution


@pytest.mark.parametrize("then", ["nothing", "continue", "work", "own end"])
def test_terminate_is_enforced(then):
    instance, _ = running()
    actions = {
        "nothing": [],
        "continue": [ac.CompleteOrchestration(11, Status.CONTINUED_AS_NEW, "1")],
        "work": [ac.ScheduleTask(11, "x"), ac.CreateChild(12, "Kid", "kid2"), ac.VersionNotAvailable(13)],
        "own end": [ac.CompleteOrchestration(11, Status.COMPLETED, '"mine"')],
    }[then]
    outcome = run(instance, [EVENTS["terminated"]], actions)
    end = outcome.history[-1]
    if then == "own end":
        assert (end.status, end.result) == (Status.COMPLETED, '"mine"')
    else:
        assert (end.status, end.result, end.event_id) == (Status.TERMINATED, '"stop"', NO_ID)
    assert outcome.tasks == []
    told = {message.to: message.event for message in outcome.messages}
    assert isinstance(told["boss"], ev.ChildCompleted if then == "own end" else ev.ChildFailed)
    if then != "own end":
        assert told["boss"].failure is None
    assert isinstance(told["kid"], ev.ExecutionTerminated)
    assert set(told) == {"boss", "kid"}


def test_tight_executions_are_counted_until_something_is_heard():
    instance, inbox = fresh()
    again = ac.CompleteOrchestration(1, Status.CONTINUED_AS_NEW, "1")
    for number in range(1, 4):
        inbox = run(instance, inbox, [again]).inbox
        assert instance.tight_generations == number
    run(instance, inbox, [])
    run(instance, [EVENTS["raised"]], [again])
    assert instance.tight_generations == 0


def test_version_and_patches_are_written_into_the_turn():
    instance, inbox = fresh()
    outcome = run(instance, inbox, [], version="v2", patches=("p", "p"))
    assert outcome.history[0] == ev.OrchestratorStarted(NO_ID, 100, "v2", ("p", "p"))
    assert (instance.version, instance.patches) == ("v2", ["p", "p"])


@pytest.mark.parametrize(("number", "name"), [(1, "p:0001"), (0xABCD, "p:abcd"), (0x1_0001, "p:0001")])
def test_default_ids_of_children(number, name):
    assert child_instance_id("p", number) == name


INBOX = st.lists(st.sampled_from(list(EVENTS.values())), max_size=6)
TURNS = st.lists(
    st.tuples(
        INBOX,
        st.lists(st.sampled_from([a for n, a in ACTIONS.items() if n not in ("unknown", "unversioned")]), max_size=4),
    ),
    max_size=6,
)


@settings(max_examples=300, deadline=None)
@given(TURNS, st.data())
def test_any_life(turns, data):
    """Whatever arrives and whatever is asked for: the invariants, and that history alone restores the instance."""
    instance = Instance("i")
    history: list[ev.Event] = []
    waiting: list[ev.Event] = [started()]
    ended = False
    asked_before: set[int] = set()
    for arrived, wanted in turns:
        waiting += arrived
        plan = instance.begin(waiting, now=50)
        assert plan.taken in (0, len(waiting))
        if not plan.events:
            waiting = waiting[plan.taken :]
            continue
        assert not ended
        assert isinstance(plan.events[0], ev.OrchestratorStarted)
        assert len(plan.events) - 1 + len(plan.dropped) == len(waiting)
        # A worker that was lost answers nothing; planning again gives the same turn.
        assert instance.begin(waiting, now=50) == plan
        actions = [action for action in wanted if action.id not in asked_before]
        actions = list({action.id: action for action in actions}.values())
        asked_before |= {action.id for action in actions}
        outcome = instance.complete(plan, actions, now=60, new_id=ids())
        if outcome.continued:
            history, waiting = [], list(outcome.inbox)
            asked_before.clear()
            continue
        waiting = []
        history += outcome.history
        ended = instance.status.is_terminal
        answered = [(ANSWERS[type(event)], answered_id(event)) for event in history if type(event) in ANSWERS]
        assert len(answered) == len(set(answered))
        confirmed = [(CONFIRMS[type(event)].kind, event.event_id) for event in history if type(event) in CONFIRMS]
        assert len(confirmed) == len(set(confirmed))
        assert sum(isinstance(event, ev.ExecutionStarted) for event in history) == 1
        assert sum(isinstance(event, ev.ExecutionCompleted) for event in history) == int(ended)
        assert sum(type(m.event) in (ev.ChildCompleted, ev.ChildFailed) for m in outcome.messages) == int(ended)
        twin = Instance.restore("i", history)
        assert (twin.status, twin.execution_id, twin.open_children, twin.completed) == (
            instance.status,
            instance.execution_id,
            instance.open_children,
            instance.completed,
        )
        probe = data.draw(INBOX)
        assert twin.begin(probe, now=1) == instance.begin(probe, now=1)
