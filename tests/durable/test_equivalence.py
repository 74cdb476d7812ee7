"""The combinators and their spelling in structured concurrency are the same thing: same ids, same results."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.durable.kit import DURABLE_TRIO as trio
from tests.durable.test_deadlines import TrioScript
from trio_durable._core.replay import Replay
from trio_durable._durable.together import Together
from trio_durable._errors import TaskFailedError


class Context(Together):
    """The part of the orchestration context that is looked at here."""

    def __init__(self, replay: Replay) -> None:
        self._replay = replay

    def call(self, name: str) -> Any:
        return self._replay.call_activity(name, None, lambda payload: payload)


NAMES = "abc"


async def any_by_combinator(ctx: Context) -> Any:
    calls = [ctx.call(name) for name in NAMES]
    winner = await ctx.when_any(calls)
    return winner.get_result() if not winner.is_failed else "failed"


async def any_by_nursery(ctx: Context) -> Any:
    outcome = []

    async def racer(name):
        try:
            outcome.append(await ctx.call(name))
        except TaskFailedError:
            outcome.append("failed")
        nursery.cancel_scope.cancel()

    async with trio.open_nursery() as nursery:
        for name in NAMES:
            nursery.start_soon(racer, name)
    return outcome[0]


async def all_by_combinator(ctx: Context) -> Any:
    try:
        return await ctx.when_all([ctx.call(name) for name in NAMES])
    except TaskFailedError as error:
        return error.details.error_message


async def all_by_nursery(ctx: Context) -> Any:
    results = {}

    async def one(name):
        results[name] = await ctx.call(name)

    try:
        async with trio.open_nursery() as nursery:
            for name in NAMES:
                nursery.start_soon(one, name)
    except* TaskFailedError as group:
        results["error"] = group.exceptions[0].details.error_message
    return results.get("error") or [results[name] for name in NAMES]


async def gather_by_combinator(ctx: Context) -> Any:
    outcomes = await ctx.gather(*[ctx.call(name) for name in NAMES], return_exceptions=True)
    return ["failed" if isinstance(each, TaskFailedError) else each for each in outcomes]


async def gather_by_nursery(ctx: Context) -> Any:
    results = dict.fromkeys(NAMES)

    async def one(name):
        try:
            results[name] = await ctx.call(name)
        except TaskFailedError:
            results[name] = "failed"

    async with trio.open_nursery() as nursery:
        for name in NAMES:
            nursery.start_soon(one, name)
    return list(results.values())


PAIRS = [
    (any_by_combinator, any_by_nursery),
    (all_by_combinator, all_by_nursery),
    (gather_by_combinator, gather_by_nursery),
]


def result(program, answers):
    async def main(replay):
        return repr(await program(Context(replay)))

    script = TrioScript(main)
    script.start()
    actions = list(script.turns[0].actions)
    for number, fails in answers:
        if script.turns[-1].complete:
            break
        script.turn(script.failed(number, "E", f"{number}") if fails else script.done(number, str(number)))
    script.replay.close()
    return actions, script.completion


@pytest.mark.parametrize(("combinator", "nursery"), PAIRS)
@settings(max_examples=60, deadline=None)
@given(order=st.permutations([1, 2, 3]), fails=st.lists(st.booleans(), min_size=3, max_size=3))
def test_a_combinator_is_its_nursery(combinator, nursery, order, fails):
    answers = list(zip(order, fails, strict=True))
    assert result(combinator, answers) == result(nursery, answers)


@pytest.mark.parametrize("in_time", [True, False])
def test_with_timeout_is_fail_after(in_time):
    async def by_combinator(ctx):
        try:
            return await ctx.with_timeout(ctx.call("a"), 5)
        except TimeoutError:
            return "late"

    async def by_scope(ctx):
        try:
            with trio.fail_after(5):
                return await ctx.call("a")
        except trio.TooSlowError:
            return "late"

    ends = []
    for program in (by_combinator, by_scope):

        async def main(replay, program=program):
            return await program(Context(replay))

        script = TrioScript(main)
        script.start()
        ends.append([(type(a), a.id, getattr(a, "fire_at", None)) for a in script.turns[0].actions])
        script.turn(script.done(1, "done") if in_time else script.fired(2))
        ends.append(script.completion)
        script.replay.close()
    assert ends[:2] == ends[2:]
    assert ends[1].result == ("done" if in_time else "late")


async def given_up_by_combinator(ctx: Context, wait: Any) -> Any:
    try:
        return await ctx.with_timeout(wait, 5)
    except TimeoutError:
        return None


async def given_up_by_scope(ctx: Context, wait: Any) -> Any:
    with trio.move_on_after(5):
        return await wait


@pytest.mark.parametrize("give_up", [given_up_by_combinator, given_up_by_scope])
def test_what_timed_out_takes_no_event_any_more(give_up):
    """The event is for whoever asks next; and the wait that was given up may be taken up again."""

    async def main(replay):
        first = replay.wait_for_event("e", lambda payload: payload)
        assert await give_up(Context(replay), first) is None
        second = replay.wait_for_event("e", lambda payload: payload)
        return await second + await first

    script = TrioScript(main)
    script.start()
    script.turn(script.fired(2))
    script.turn(script.raised("e", "1"))
    script.turn(script.raised("e", "2"))
    assert script.completion.result == "12"
    script.replay.close()


def test_what_timed_out_goes_on_for_those_who_still_wait():
    async def main(replay):
        shared = replay.wait_for_event("e", lambda payload: payload)
        both = []

        async def patient():
            both.append(await shared)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(patient)
            await trio.lowlevel.checkpoint()
            both.append(await given_up_by_combinator(Context(replay), shared))
        return repr(both)

    script = TrioScript(main)
    script.start()
    script.turn(script.fired(2))
    script.turn(script.raised("e", "1"))
    assert script.completion.result == "[None, '1']"
    script.replay.close()


def test_a_coroutine_that_timed_out_is_cancelled():
    log = []

    async def main(replay):
        async def work():
            try:
                await Context(replay).call("work")
            finally:
                log.append("ended")

        await given_up_by_combinator(Context(replay), work())
        await trio.sleep(1)
        return ",".join(log)

    script = TrioScript(main)
    script.start()
    script.turn(script.fired(1))
    assert log == ["ended"]
    script.replay.close()
