"""The authoring features on the pure core: no sidecar, no clock, no sandbox; warm, and replayed before every turn."""

from __future__ import annotations

import inspect
from datetime import timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.conftest import SECOND, Script
from trio_durable import FailureDetails, OrchestrationContext, RetryPolicy
from trio_durable._core import clock
from trio_durable._core import events as ev
from trio_durable._core.actions import CompleteOrchestration, CreateDetached, ScheduleTask, VersionNotAvailable
from trio_durable._core.envelope import seal, unseal
from trio_durable._core.events import Status
from trio_durable._core.instance import Instance
from trio_durable._core.mailbox import CANCEL_EVENT
from trio_durable._core.replay import OrchestratorMissing, Replay
from trio_durable._core.rerun import RerunError, rerun
from trio_durable._core.retry import attempt_of_version
from trio_durable._durable.generators import drive_generator


class Plain:
    """Payloads that are their own values; every function whose name begins with "do" is an activity."""

    encode = staticmethod(lambda value: None if value is None else str(value))
    decode = staticmethod(lambda payload, wanted=None: payload)
    name_of = staticmethod(lambda function: function if isinstance(function, str) else function.__name__)
    is_activity = staticmethod(lambda function: function.__name__.startswith("do"))
    result_type = staticmethod(lambda function: None)


def context(replay):
    return OrchestrationContext(replay, Plain())


@pytest.fixture(params=[False, True], ids=["warm", "crash"])
def script(request):
    return lambda main: Script(main, crash=request.param)


# -- patches and versions -------------------------------------------------------------------------------------------


class Recording(Script):
    """A script whose history tells the patches of each turn, as a service writes them."""

    def turn(self, *new, seconds=1):
        at = len(self.history)
        outcome = super().turn(*new, seconds=seconds)
        if outcome.patches or outcome.version:
            self.history[at].version, self.history[at].patches = outcome.version, tuple(outcome.patches)
        return outcome


@pytest.mark.parametrize("crash", [False, True])
def test_patches_are_answered_once_and_reported_each_turn(crash):
    async def main(replay):
        ctx = context(replay)
        told = [ctx.is_patched("a"), ctx.is_patched("a")]
        await ctx.call_activity("one")
        told += [ctx.is_patched("b"), ctx.is_patched("a")]
        await ctx.call_activity("two")
        return str(all(told))

    play = Recording(main, crash=crash)
    assert play.start().patches == ["a", "a"]
    assert play.turn(play.done(1)).patches == ["a", "a", "b", "a"]
    assert play.turn(play.done(2)).patches == ["a", "a", "b", "a"]
    assert play.completion.result == "True"


def test_a_patch_is_off_where_history_has_passed_it():
    answers = []

    async def old(replay):
        ctx = context(replay)
        await ctx.call_activity("one")
        return await ctx.call_activity("two")

    async def new(replay):
        ctx = context(replay)
        answers.append(ctx.is_patched("first"))
        await ctx.call_activity("one")
        answers.append(ctx.is_patched("second"))
        return await ctx.call_activity("two")

    play = Recording(old, crash=True)
    play.start()
    play.main = new
    assert play.turn(play.done(1)).patches == ["second"]
    assert answers == [False, True]
    play.turn(play.done(2, "end"))
    assert answers == [False, True, False, True]
    assert play.completion.result == "end"


def test_the_service_stalls_what_forgets_a_patch_or_lacks_the_version():
    instance = Instance("i")
    begin = instance.begin([ev.ExecutionStarted(-1, 1, "main", None, "i", "e")], now=1)
    instance.complete(begin, [ScheduleTask(1, "one")], now=1, new_id=str, version="v1", patches=("a",))
    assert (instance.version, instance.patches) == ("v1", ["a"])
    plan = instance.begin([ev.TaskCompleted(-1, 2, 1)], now=2)
    for patches, reason in (((), 0), (("b", "a"), 0)):
        outcome = instance.complete(plan, [], now=2, new_id=str, version="v1", patches=patches)
        assert outcome.stalled is not None
        assert outcome.stalled.reason == reason
        assert instance.status is Status.STALLED
    outcome = instance.complete(plan, [VersionNotAvailable(2)], now=2, new_id=str)
    assert outcome.stalled.reason == 1
    # An engine that gives up has not come as far as the patches: its word counts.
    done = [CompleteOrchestration(-1, Status.FAILED, failure=FailureDetails("E", "m"))]
    assert instance.complete(plan, done, now=2, new_id=str).stalled is None
    assert instance.status is Status.FAILED


def test_a_starter_that_lacks_the_version_says_so():
    def start(started, replay):
        raise OrchestratorMissing("no v1 here")

    new = [ev.OrchestratorStarted(-1, SECOND, "v1"), ev.ExecutionStarted(-1, SECOND, "main", None, "i", "e")]
    outcome = Replay("i", start).turn([], new)
    assert [type(action) for action in outcome.actions] == [VersionNotAvailable]
    assert outcome.version == "v1"


# -- detached orchestrations ----------------------------------------------------------------------------------------


def test_detached_orchestrations_take_ids_of_their_own(script):
    seen = []

    async def main(replay):
        ctx = context(replay)
        seen.append(ctx.schedule_new_orchestration("other", input=1))
        seen.append(ctx.schedule_new_orchestration("other", instance_id="mine", start_at=timedelta(seconds=5)))
        await ctx.call_activity("one")
        seen.append(ctx.schedule_new_orchestration("other"))
        return "end"

    play = script(main)
    first = play.start()
    one, two, task = first.actions
    assert isinstance(one, CreateDetached)
    assert (one.instance_id, two.instance_id) == (seen[0], "mine")
    assert two.scheduled_start == play.now + 5 * SECOND
    assert [one.id, two.id, task.id] == [1, 2, 3]
    play.history += [ev.DetachedCreated(1, play.now, seen[0]), ev.DetachedCreated(2, play.now, "mine")]
    play.turn(play.done(3))
    assert play.completion.result == "end"
    assert len(set(seen)) == 3, "replays made the same ids, and no two are equal"


def test_a_detached_orchestration_of_another_id_is_a_disagreement():
    async def main(replay):
        context(replay).schedule_new_orchestration("other", instance_id=ids.pop(0))
        await replay.call_activity("one", None, str)

    ids = ["a", "b"]
    play = Script(main, crash=True)
    play.start()
    play.history += [ev.DetachedCreated(1, play.now, "a")]
    play.turn(play.done(2))
    assert "another" not in play.completion.failure.error_message
    assert "start detached orchestration" in play.completion.failure.error_message


# -- sagas and cleanups ---------------------------------------------------------------------------------------------


def do_undo(ctx):
    pass


def test_compensations_run_one_after_another_in_reverse(script):
    async def main(replay):
        ctx = context(replay)
        async with ctx.saga() as saga:
            for step in "ab":
                await ctx.call_activity(f"do {step}")
                saga.compensate(f"undo {step}")
            saga.compensate(do_undo)
            await ctx.call_activity("do c")

    play = script(main)
    assert [action.name for action in play.start().actions] == ["do a"]
    assert [action.name for action in play.turn(play.done(1)).actions] == ["do b"]
    assert [action.name for action in play.turn(play.done(2)).actions] == ["do c"]
    assert [action.name for action in play.turn(play.failed(3)).actions] == ["do_undo"]
    assert [action.name for action in play.turn(play.failed(4, "KeyError")).actions] == ["undo b"]
    assert [action.name for action in play.turn(play.done(5)).actions] == ["undo a"]
    play.turn(play.done(6))
    failure = play.completion.failure
    assert failure.error_type == "trio_durable.CompensationError"
    assert failure.inner.error_type == "trio_durable.TaskFailedError"
    assert "do_undo" in failure.error_message


def cancels():
    return ev.EventRaised(-1, 0, CANCEL_EVENT, None)


def undoes(ctx):
    saga = ctx.saga()
    saga.compensate("undo a")
    saga.compensate("undo b")
    try:
        yield ctx.wait_for_external_event("never")
    except BaseException:
        yield saga.undo()
        raise


def tidies(ctx):
    ctx.add_cleanup(ctx.call_activity, "undo a")
    ctx.add_cleanup(ctx.call_activity, "undo b")
    try:
        yield ctx.wait_for_external_event("never")
    finally:
        yield ctx.run_cleanups()


async def undoes_by_hand(ctx):
    saga = ctx.saga()
    saga.compensate("undo a")
    saga.compensate("undo b")
    try:
        await ctx.wait_for_external_event("never")
    finally:
        await saga.undo()


@pytest.mark.parametrize("flow", [undoes, tidies, undoes_by_hand])
def test_what_a_cancelled_generator_undoes_is_done_to_its_end(script, flow):
    async def main(replay):
        result = flow(context(replay))
        return await (result if inspect.iscoroutine(result) else drive_generator(result))

    play = script(main)
    play.start()
    assert [action.name for action in play.turn(cancels()).actions] == ["undo b"]
    assert [action.name for action in play.turn(play.done(2)).actions] == ["undo a"]
    (end,) = play.turn(play.done(3)).actions
    assert end.status is Status.CANCELED


def test_a_timeout_gives_up_what_it_waited_for_if_asked_to(script):
    async def main(replay):
        ctx = context(replay)
        told = []

        async def waits():
            try:
                await ctx.wait_for_external_event("never")
            finally:
                told.append("given up")

        for cancel in (False, True):
            with pytest.raises(TimeoutError, match=r"within 5 s"):
                await ctx.with_timeout(ctx.wait_for_external_event("go"), 5, cancel_losers=cancel)
        with pytest.raises(TimeoutError):
            await ctx.with_timeout(waits(), timedelta(seconds=5), cancel_losers=True)
        await ctx.call_activity("one")
        kept, mine = await ctx.wait_for_external_event("other"), ctx.wait_for_external_event("go")
        return f"{told} {kept} {await mine}"

    play = script(main)
    play.start()
    for timer in (2, 4, 6):
        play.turn(play.fired(timer), seconds=5)
    play.turn(play.done(7))
    play.turn(play.raised("other", "-"))
    # The first wait was kept and takes the first event; the second one was given up and takes none.
    play.turn(play.raised("go", "first"))
    play.turn(play.raised("go", "second"))
    assert play.completion.result == "['given up'] - second"


@pytest.mark.parametrize(
    ("call", "error"),
    [
        (lambda ctx: ctx.create_timer(5), "fire_at is a timedelta from now or a datetime, got 5"),
        (lambda ctx: ctx.sleep("5"), "a delay is a number of seconds or a timedelta, got '5'"),
        (lambda ctx: ctx.sleep(True), "a delay is a number"),
        (lambda ctx: ctx.wait_for_external_event(None), "an external event has a name, got None"),
        (lambda ctx: ctx.send_event("i", 5), "an external event has a name, got 5"),
        (lambda ctx: ctx.schedule_new_orchestration("other", start_at="now"), "start_at is a timedelta"),
    ],
)
def test_wrong_arguments_are_named(script, call, error):
    async def main(replay):
        with pytest.raises(TypeError, match=error):
            call(context(replay))
        await context(replay).sleep(float("-inf"))
        return "went on"

    play = script(main)
    play.start()
    play.turn(play.fired(1))
    assert play.completion.result == "went on"


def test_a_terminated_saga_undoes_nothing(script):
    async def main(replay):
        ctx = context(replay)
        async with ctx.saga() as saga:
            saga.compensate("undo")
            await ctx.wait_for_external_event("never")

    play = script(main)
    play.start()
    outcome = play.turn(ev.ExecutionTerminated(-1, play.now, '"enough"'))
    assert [type(action) for action in outcome.actions] == [CompleteOrchestration]
    play.replay.close()


def test_wrong_compensations_are_named(script):
    async def main(replay):
        saga = context(replay).saga()
        for arguments, options in (((5,), {}), (("undo", 1), {}), ((main,), {"retry_policy": policy})):
            with pytest.raises(TypeError):
                saga.compensate(*arguments, **options)
        return str(len(saga))

    policy = RetryPolicy(first_retry_interval=timedelta(1), max_number_of_attempts=2)
    play = script(main)
    play.start()
    assert play.completion.result == "0"


def test_cleanups_run_in_reverse_and_their_failures_are_told(script):
    async def main(replay):
        ctx = context(replay)
        async with ctx:
            ctx.add_cleanup(ctx.call_activity, "first")
            ctx.add_cleanup(lambda: 1 / 0)
            ctx.add_cleanup(ctx.call_activity, "last")
            raise KeyError("body")

    play = script(main)
    assert [action.name for action in play.start().actions] == ["last"]
    assert [action.name for action in play.turn(play.done(1)).actions] == ["first"]
    play.turn(play.done(2))
    failure = play.completion.failure
    assert failure.error_type == "KeyError"
    assert "ZeroDivisionError" in failure.stack_trace


# -- values ---------------------------------------------------------------------------------------------------------


def test_the_guid_scheme_and_the_random_stream_never_change():
    """Recorded histories depend on these very values."""
    told = []

    async def main(replay):
        ctx = context(replay)
        told.extend([str(ctx.new_guid()), str(ctx.uuid4()), ctx.random_int(0, 999), ctx.random_string(6)])
        told.append(ctx.schedule_new_orchestration("other"))
        await ctx.call_activity("one")

    outcome = Script(main).start()
    assert told == [
        "fb2de73d-1930-5063-b972-5b4a8d8de3e9",
        "679007d1-32e4-5c5a-b893-3ca78b617ff3",
        286,
        "3sYSL1",
        "73d96c88aa4e5dea89fa5544b9e3dca7",
    ]
    assert outcome.actions[1].task_execution_id == "45f3f7ce-1094-5a92-92ca-129f8a00d05b"


@given(st.integers(1, 30), st.floats(0, 1), st.floats(1, 3), st.text())
def test_jitter_only_shortens_and_is_the_same_each_time(attempt, jitter, coefficient, key):
    def policy(part):
        return RetryPolicy(
            first_retry_interval=timedelta(seconds=1),
            max_number_of_attempts=99,
            backoff_coefficient=coefficient,
            max_retry_interval=timedelta(minutes=1),
            jitter=part,
        )

    failure = FailureDetails("E", "m")
    full = policy(0).delay(attempt, failure, 0, 0, key=key)
    wait = policy(jitter).delay(attempt, failure, 0, 0, key=key)
    assert wait == policy(jitter).delay(attempt, failure, 0, 0, key=key)
    assert full * (1 - jitter) - 1000 <= wait <= full


def test_each_attempt_after_the_first_tells_its_number(script):
    policy = RetryPolicy(first_retry_interval=timedelta(seconds=1), max_number_of_attempts=9)

    async def main(replay):
        return await context(replay).call_activity("flaky", retry_policy=policy)

    play = script(main)
    (first,) = play.start().actions
    told = [first.version]
    for number in (1, 3, 5):
        play.turn(play.failed(number))
        (again,) = play.turn(play.fired(number + 1), seconds=9).actions
        assert again.task_execution_id == first.task_execution_id
        told.append(again.version)
    assert told == [None, "attempt=2", "attempt=3", "attempt=4"]
    assert [attempt_of_version(version) for version in told] == [None, 2, 3, 4]


@pytest.mark.parametrize("version", [None, "", "v1", "attempt=", "attempt=x", "attempt=-1", "attempt=\u0662"])
def test_a_version_that_tells_no_attempt(version):
    assert attempt_of_version(version) is None


@pytest.mark.parametrize("jitter", [-0.1, 1.1, float("nan")])
def test_jitter_is_a_part(jitter):
    with pytest.raises(ValueError, match="jitter"):
        RetryPolicy(first_retry_interval=timedelta(1), max_number_of_attempts=2, jitter=jitter)


PAYLOADS = st.none() | st.sampled_from(["0", '""', "false", "[]", "{}", "null", '{"$trio_durable":{}}']) | st.builds(
    lambda text: '{"$trio_durable":' + text, st.text()
)


@given(PAYLOADS, st.dictionaries(st.text(), st.text()))
def test_the_envelope_gives_back_what_was_put_in(payload, metadata):
    assert unseal(seal(payload, metadata)) == (payload, metadata)
    if not metadata and (payload is None or not payload.startswith('{"$trio_durable":')):
        assert seal(payload, metadata) == payload


@given(st.text() | st.text().map(lambda text: '{"$trio_durable":{"metadata":{}},"input":' + text))
def test_what_only_looks_like_an_envelope_breaks_nothing(text):
    payload, metadata = unseal(text)
    assert payload is None or isinstance(payload, str)
    assert isinstance(metadata, dict)


# -- rerun ----------------------------------------------------------------------------------------------------------

HISTORY = [
    ev.OrchestratorStarted(-1, 10),
    ev.ExecutionStarted(-1, 10, "main", "1", "old", "e1", parent=ev.ParentInstance(4, "parent")),
    ev.TaskScheduled(1, 10, "one", "a"),
    ev.TaskScheduled(2, 10, "two", "b"),
    ev.OrchestratorStarted(-1, 20),
    ev.TaskCompleted(-1, 20, 1, "A"),
    ev.TimerCreated(3, 20, 50),
    ev.ChildCreated(4, 20, "old:0004", "child", "c"),
    ev.ChildCreated(5, 20, "named", "child", "c"),
    ev.OrchestratorStarted(-1, 60),
    ev.TimerFired(-1, 60, 3, 50),
    ev.TaskCompleted(-1, 60, 2, "B"),
    ev.ExecutionCompleted(6, 60, Status.COMPLETED, "end"),
]


def again(event_id, **options):
    return rerun(
        HISTORY, event_id, instance_id="new", execution_id="e2", child_execution_id="c", now=1000, **options
    )


def test_a_rerun_from_the_first_turn_asks_for_everything_of_that_turn_again():
    outcome = again(2, input="other", overwrite_input=True)
    assert [(task.name, task.input) for task in outcome.tasks] == [("one", "a"), ("two", "other")]
    assert not outcome.timers
    assert not outcome.messages
    started = outcome.history[1]
    assert (started.instance_id, started.execution_id, started.parent, started.input) == ("new", "e2", None, "1")
    assert [type(event).__name__ for event in outcome.history] == [
        "OrchestratorStarted", "ExecutionStarted", "TaskScheduled", "TaskScheduled",
    ]  # fmt: skip


def test_a_rerun_keeps_answers_and_makes_new_timers_and_children():
    outcome = again(4)
    assert [task.name for task in outcome.tasks] == ["two"]
    assert [timer.fire_at for timer in outcome.timers] == [1030]
    children = [message.event for message in outcome.messages]
    assert [(child.instance_id, child.parent.instance_id) for child in children] == [
        ("new:0004", "new"), ("named", "new"),
    ]  # fmt: skip
    assert len({child.execution_id for child in children}) == 2
    instance = Instance.restore("new", outcome.history)
    assert instance.open_children == ["new:0004", "named"]
    assert instance.status is Status.RUNNING


def test_a_rerun_needs_something_that_was_asked_for():
    with pytest.raises(RerunError) as caught:
        again(7)
    assert not caught.value.found
    with pytest.raises(RerunError, match="no input") as caught:
        again(3, overwrite_input=True)
    assert caught.value.found
    assert again(3).timers[0].fire_at != clock.FOREVER
