"""Deadlines as durable timers, rule by rule (the numbers are those of deadlines.py's header)."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.core.conftest import SECOND, Script
from tests.durable.kit import DURABLE_TRIO as trio
from tests.durable.kit import durable_run
from trio_durable._core import clock
from trio_durable._core import events as ev
from trio_durable._core.actions import CompleteOrchestration, CreateTimer, ScheduleTask
from trio_durable._core.deadlines import fire_time
from trio_durable._core.replay import Replay
from trio_durable._durable.vocabulary import TRIO

FIRST = 1_001 * SECOND  # the time of a Script's first turn


class TrioScript(Script):
    def _fresh(self):
        return Replay("i", lambda started, replay: self.main(replay), words=TRIO)


@pytest.fixture(params=[False, True], ids=["warm", "crash"])
def script(request):
    yield from _scripts(request.param)


@pytest.fixture
def warm():
    yield from _scripts(False)


def _scripts(crash):
    made = []

    def make(main):
        made.append(TrioScript(main, crash=crash))
        return made[-1]

    yield make
    for each in made:
        each.replay.close()


def call(replay, name):
    return replay.call_activity(name, None, lambda payload: payload)


def made(outcome):
    return [
        (a.id, (a.fire_at - FIRST) / SECOND) if isinstance(a, CreateTimer) else (a.id, a.name)
        for a in outcome.actions
        if not isinstance(a, CompleteOrchestration)
    ]


def test_rule_1_a_block_that_is_left_makes_no_timer(script):
    async def main(r):
        with trio.move_on_after(5):
            pass
        with trio.fail_after(5):
            await trio.lowlevel.checkpoint()
        with trio.move_on_after(float("inf")), trio.CancelScope(deadline=clock.FOREVER):
            await call(r, "a")

    assert made(script(main).start()) == [(1, "a")]


def test_rule_1_timers_come_after_what_the_code_asked_for_in_the_order_of_setting(script):
    async def main(r):
        with trio.move_on_after(9), trio.move_on_after(5), trio.move_on_after(5):
            await call(r, "a")

    assert made(script(main).start()) == [(1, "a"), (2, 9), (3, 5), (4, 5)]


def test_rule_1_armed_after_each_events_quiescence(script):
    async def main(r):
        async with trio.open_nursery() as nursery:
            for name in ("a", "b"):
                nursery.start_soon(one, r, name)

    async def one(r, name):
        await call(r, name)
        with trio.move_on_after(5):
            await call(r, name * 2)

    s = script(main)
    s.start()
    # Two answers in one turn: the ids of two turns with one answer each.
    assert [number for number, _ in made(s.turn(s.done(2), s.done(1)))] == [3, 4, 5, 6]
    kinds = [type(a) for a in s.turns[-1].actions]
    assert kinds == [ScheduleTask, CreateTimer, ScheduleTask, CreateTimer]


def test_rule_2_only_the_firing_expires(script):
    seen = []

    async def main(r):
        with trio.move_on_after(5) as scope:
            await call(r, "a")
            seen.append(trio.current_time() > scope.deadline)
            await call(r, "b")
        return str(scope.cancelled_caught)

    s = script(main)
    s.start()
    # The sidecar's clock has passed the deadline, its timer has not fired yet: the block goes on.
    assert made(s.turn(s.done(1), seconds=60)) == [(3, "b")]
    assert seen[-1] is True
    s.turn(s.fired(2))
    assert s.completion.result == "True"


def test_rule_2_time_is_at_the_deadline_when_it_fires(script):
    async def main(r):
        with trio.move_on_after(0.1) as scope:
            await trio.sleep_forever()
        return str(trio.current_time() >= scope.deadline)

    s = script(main)
    s.start()
    s.turn(s.fired(1), seconds=-30)  # and the clock of this turn is behind
    assert s.completion.result == "True"


@given(st.floats(0, 2.5e11))
def test_rule_2_a_timer_never_fires_before_its_deadline(deadline):
    at = fire_time(deadline)
    assert at / SECOND >= deadline
    assert at - deadline * SECOND < 2000 + deadline * SECOND * 2**-52
    assert at % 1000 == 0


def test_rule_3_equal_deadlines_expire_together_and_in_order(script):
    async def main(r):
        log = []

        async def one(name, seconds):
            try:
                with trio.move_on_after(seconds):
                    await trio.sleep_forever()
            finally:
                log.append(name)

        async with trio.open_nursery() as nursery:
            for name, seconds in (("c", 7), ("a", 5), ("b", 5), ("d", 9)):
                nursery.start_soon(one, name, seconds)
        return "".join(log)

    s = script(main)
    assert made(s.start()) == [(1, 7), (2, 5), (3, 5), (4, 9)]
    # The timer of c fires first: a and b, which are due before it, go with it, in the order of their deadlines.
    s.turn(s.fired(1))
    assert s.turn(s.fired(2)).actions == []
    assert s.turn(s.fired(3)).actions == []
    s.turn(s.fired(4))
    assert s.completion.result == "abcd"


def test_rule_4_a_past_deadline_needs_no_timer(script):
    async def main(r):
        with trio.move_on_at(5) as scope:
            await call(r, "never asked for")
        return str(scope.cancelled_caught)

    s = script(main)
    assert made(s.start()) == []
    assert s.completion.result == "True"


def test_rule_5_extending_asks_again_when_the_old_timer_fires(script):
    async def main(r):
        with trio.move_on_after(5) as scope:
            await call(r, "a")
            scope.deadline += 10
            await trio.sleep_forever()
        return "out"

    s = script(main)
    assert made(s.start()) == [(1, "a"), (2, 5)]
    assert made(s.turn(s.done(1))) == []
    assert made(s.turn(s.fired(2))) == [(3, 15)]
    s.turn(s.fired(3))
    assert s.completion.result == "out"


def test_rule_5_shortening_asks_for_one_new_timer(script):
    async def main(r):
        with trio.move_on_after(50) as scope:
            await call(r, "a")
            scope.deadline -= 40
            await call(r, "b")
            scope.deadline -= 0
            await trio.sleep_forever()
        return "out"

    s = script(main)
    s.start()
    assert made(s.turn(s.done(1))) == [(3, "b"), (4, 10)]
    assert made(s.turn(s.done(3))) == []
    s.turn(s.fired(4))
    assert s.completion.result == "out"


def test_rule_6_a_firing_for_a_block_that_was_left_is_dropped(script):
    async def main(r):
        with trio.move_on_after(5):
            await call(r, "a")
        await call(r, "b")
        return "end"

    s = script(main)
    s.start()
    s.turn(s.done(1))
    assert s.turn(s.fired(2)).actions == []
    s.turn(s.done(3))
    assert s.completion.result == "end"


def test_a_pending_deadline_timer_does_not_keep_the_instance(script):
    async def main(r):
        with trio.move_on_after(500):
            await call(r, "a")
        return "end"

    s = script(main)
    s.start()
    assert s.turn(s.done(1)).complete


@pytest.mark.parametrize("today", [2, 5, 50])
def test_rule_7_the_recorded_time_wins_over_todays_constant(today, warm):
    async def main(r, seconds=5.0):
        with trio.move_on_after(seconds) as scope:
            await call(r, "a")
            await call(r, "b")
        await call(r, "after")
        return f"{scope.cancelled_caught}"

    s = warm(main)
    s.start()
    s.turn(s.done(1), seconds=3)
    s.turn(s.fired(2), seconds=2)
    assert [a.name for a in s.turns[-1].actions] == ["after"]
    replay = Replay("i", lambda started, replay: main(replay, today), words=TRIO)
    new = [ev.OrchestratorStarted(-1, s.now + 1), s.done(4)]
    outcome = replay.turn(s.history, new)
    assert [(a.status, a.result) for a in outcome.actions] == [(ev.Status.COMPLETED, "True")]
    replay.close()


def test_blocks_that_are_left_leave_nothing_behind(warm):
    async def main(r):
        scope = trio.CancelScope(deadline=clock.FOREVER / SECOND / 2)
        with scope:
            for number in range(5_000):
                with trio.move_on_after(5 + number % 7):
                    pass
                scope.deadline += 1
            sizes.append(len(r.scheduler.deadlines._heap))
            await call(r, "a")

    sizes = []
    s = warm(main)
    assert len(s.start().actions) == 2
    assert sizes[0] < 1_100


def test_a_changed_shape_is_still_found_out(warm):
    async def main(r):
        with trio.move_on_after(5):
            await call(r, "a")
            await call(r, "b")

    async def without(r):
        await call(r, "a")
        await call(r, "b")

    s = warm(main)
    s.start()
    s.turn(s.done(1))
    replay = Replay("i", lambda started, replay: without(replay), words=TRIO)
    outcome = replay.turn(s.history, [ev.OrchestratorStarted(-1, s.now + 1)])
    assert "NonDeterminismError" in outcome.actions[0].failure.error_type
    replay.close()


def test_durable_waits_are_never_instantaneous():
    """R15: an activity ends its turn, so a sibling's error wins over the value that Trio might have given."""

    async def main(replay):
        async def fails():
            await trio.lowlevel.checkpoint()
            raise KeyError("sibling")

        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(fails)
                await call(replay, "instant")
        except* KeyError:
            pass
        return "the error won"

    run = durable_run(main=main, answer=lambda task, now: (0.0, ev.TaskCompleted(-1, 0, task.id, None)))
    assert run.trace == ("COMPLETED", "the error won")


def test_times_are_numbers_of_seconds():
    soon, later = timedelta(seconds=1), datetime(2030, 1, 1, tzinfo=UTC)
    for call in (
        lambda: trio.move_on_after(soon),
        trio.fail_after(soon).__enter__,
        trio.sleep(soon).__await__().__next__,
    ):
        with pytest.raises(TypeError, match=r"seconds, got datetime.timedelta\(seconds=1\).*total_seconds\(\)"):
            call()
    for call in (
        lambda: trio.move_on_at(later),
        trio.fail_at(later).__enter__,
        trio.sleep_until(later).__await__().__next__,
    ):
        with pytest.raises(TypeError, match=r"clock, got datetime.datetime\(2030.*timestamp\(\)"):
            call()
