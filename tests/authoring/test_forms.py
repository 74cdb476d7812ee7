"""The two forms on the pure core: a random program asks for the same, as `async def` and as a generator."""

from __future__ import annotations

from datetime import timedelta

from hypothesis import given, settings
from hypothesis import strategies as st

from tests.authoring.test_core import context
from tests.core.conftest import Script
from trio_durable import RetryPolicy, TaskFailedError, when_all
from trio_durable._core import events as ev
from trio_durable._core.actions import CompleteOrchestration, CreateChild, CreateTimer, ScheduleTask
from trio_durable._durable.generators import drive_generator

TWICE = RetryPolicy(first_retry_interval=timedelta(seconds=1), max_number_of_attempts=2)

SINGLE = st.sampled_from(["activity", "retried", "timer", "event", "hurried event", "child", "retried child"])
#: what is awaited: one thing, or a combination of some
STEP = SINGLE | st.tuples(
    st.sampled_from(["when_all", "module's when_all", "when_any", "with_result", "gather", "captured", "timeout"]),
    st.lists(SINGLE, min_size=1, max_size=3),
)
#: what is done at once
ASIDE = st.sampled_from(["status", "patch", "guid", "detached", "metadata"])
PROGRAM = st.lists(ASIDE | STEP, max_size=6)


def ask(ctx, step, at: int):
    """The future that `step` stands for; None for what is done at once."""
    match step:
        case "activity":
            return ctx.call_activity("one", input=at)
        case "retried":
            return ctx.call_activity("one", input=at, retry_policy=TWICE)
        case "timer":
            return ctx.create_timer(timedelta(seconds=at + 1))
        case "event":
            return ctx.wait_for_external_event(f"e{at % 2}")
        case "hurried event":
            return ctx.wait_for_external_event("E0", timeout=at)
        case "child":
            return ctx.call_sub_orchestrator("other", input=at)
        case "retried child":
            return ctx.call_sub_orchestrator("other", retry_policy=TWICE)
        case "status":
            ctx.set_custom_status(at)
        case "patch":
            ctx.set_custom_status(ctx.is_patched(f"p{at % 2}"))
        case "guid":
            ctx.set_custom_status([str(ctx.new_guid()), ctx.random_int(0, 99)])
        case "detached":
            ctx.schedule_new_orchestration("third", input=at)
        case "metadata":
            ctx.set_metadata({"at": str(at)})
        case (how, parts):
            several = [ask(ctx, part, at + number) for number, part in enumerate(parts)]
            match how:
                case "when_all":
                    return ctx.when_all(several)
                case "module's when_all":
                    return when_all(several)
                case "when_any":
                    return ctx.when_any(several)
                case "with_result":
                    return ctx.when_any_with_result(several, cancel_losers=True)
                case "gather":
                    return ctx.gather(*several)
                case "captured":
                    return ctx.gather(*several, return_exceptions=True)
                case "timeout":
                    return ctx.with_timeout(several[0], at + 1)
    return None


def as_coroutine(program):
    async def main(replay):
        ctx, seen = context(replay), []
        for at, step in enumerate(program):
            try:
                asked = ask(ctx, step, at)
                if asked is not None:
                    seen.append(str(await asked))
            except (TaskFailedError, TimeoutError) as error:
                seen.append(str(error))
        return str(seen)

    return main


def as_generator(program):
    def flow(ctx):
        seen = []
        for at, step in enumerate(program):
            try:
                asked = ask(ctx, step, at)
                if asked is not None:
                    seen.append(str((yield asked)))
            except (TaskFailedError, TimeoutError) as error:
                seen.append(str(error))
        return str(seen)

    async def main(replay):
        return await drive_generator(flow(context(replay)))

    return main


def answers(action, now, good):
    """What may happen to `action`, a good end or a bad one."""
    failure = ev.FailureDetails("ValueError", "no")
    match action:
        case ScheduleTask():
            return ev.TaskCompleted(-1, now, action.id, "r") if good else ev.TaskFailed(-1, now, action.id, failure)
        case CreateChild():
            return ev.ChildCompleted(-1, now, action.id, "c") if good else ev.ChildFailed(-1, now, action.id, failure)
        case CreateTimer():
            return ev.TimerFired(-1, now, action.id, action.fire_at)


@settings(max_examples=200)
@given(PROGRAM, st.booleans(), st.data())
def test_both_forms_ask_for_the_same(program, crash, data):
    one, two = Script(as_coroutine(program), crash=crash), Script(as_generator(program), crash=crash)
    told = [one.start(), two.start()]
    open_actions = []
    for _ in range(40):
        assert told[0].actions == told[1].actions
        assert told[0].custom_status == told[1].custom_status
        assert told[0].patches == told[1].patches
        if any(isinstance(action, CompleteOrchestration) for action in told[0].actions):
            return
        open_actions += [action for action in told[0].actions if answers(action, 0, True)]
        if open_actions and data.draw(st.booleans()):
            action = open_actions.pop(data.draw(st.integers(0, len(open_actions) - 1)))
            good = data.draw(st.booleans())
            told = [script.turn(answers(action, script.now, good)) for script in (one, two)]
        else:
            name, payload = data.draw(st.sampled_from(["e0", "E1"])), data.draw(st.sampled_from([None, "x"]))
            told = [script.turn(script.raised(name, payload)) for script in (one, two)]


def test_the_comparison_can_fail():
    """A generator whose last step is another one is found out."""
    one, two = Script(as_coroutine(["activity", "timer"])), Script(as_generator(["activity", "child"]))
    assert one.start().actions == two.start().actions
    assert one.turn(one.done(1)).actions != two.turn(two.done(1)).actions
