"""What the context's calls return, inside cancel scopes: rules 2 and 3 of futures.py; and what a disposal does."""

from __future__ import annotations

import gc
import sys
from datetime import timedelta

import pytest

from tests.core.conftest import SECOND, identity
from tests.durable.kit import DURABLE_TRIO as trio
from tests.durable.test_deadlines import TrioScript
from trio_durable._core import events as ev
from trio_durable._core.actions import CreateTimer, ScheduleTask
from trio_durable._core.events import Status
from trio_durable._core.futures import when_all, when_any
from trio_durable._core.mailbox import CANCEL_EVENT
from trio_durable._core.retry import RetryPolicy
from trio_durable._errors import TaskFailedError


@pytest.fixture(params=[False, True], ids=["warm", "crash"])
def script(request):
    made = []

    def make(main):
        made.append(TrioScript(main, crash=request.param))
        return made[-1]

    yield make
    for each in made:
        each.replay.close()


def call(replay, name, **kw):
    return replay.call_activity(name, None, identity, **kw)


def names(outcome):
    return [a.name if isinstance(a, ScheduleTask) else type(a).__name__ for a in outcome.actions]


def test_a_call_in_a_cancelled_scope_takes_no_id(script):
    async def main(r):
        with trio.CancelScope() as scope:
            scope.cancel()
            call(r, "never")
            r.create_timer(r.now + SECOND)
            r.wait_for_event("never", identity)
            await call(r, "never either")
        return await call(r, "first")

    s = script(main)
    outcome = s.start()
    assert [(a.id, a.name) for a in outcome.actions] == [(1, "first")]


def test_it_is_asked_for_by_the_first_await_that_is_not_cancelled(script):
    async def main(r):
        with trio.CancelScope() as scope:
            scope.cancel()
            put_off = call(r, "put off")
            both = when_all([put_off, call(r, "too")])
            with trio.CancelScope(shield=True):
                return ",".join(await both) + await put_off

    s = script(main)
    assert names(s.start()) == ["put off", "too"]
    s.turn(s.done(2, "2"), s.done(1, "1"))
    assert s.completion.result == "1,21"


def test_a_late_result_is_dropped(script):
    async def main(r):
        with trio.move_on_after(5):
            await call(r, "slow")
        return await call(r, "next")

    s = script(main)
    s.start()
    assert names(s.turn(s.fired(2))) == ["next"]
    assert names(s.turn(s.done(1, "late"))) == []
    s.turn(s.done(3, "in time"))
    assert s.completion.result == "in time"


def test_a_cancelled_event_wait_takes_no_event(script):
    async def main(r):
        with trio.move_on_after(5):
            await r.wait_for_event("e", identity)
        await call(r, "a")
        return await r.wait_for_event("e", identity)

    s = script(main)
    s.start()
    s.turn(s.fired(2))
    s.turn(s.raised("e", "for the second wait"))
    s.turn(s.done(3))
    assert s.completion.result == "for the second wait"


def test_a_cancelled_event_wait_may_be_awaited_again(script):
    async def main(r):
        approved = r.wait_for_event("approved", identity)
        reminders = 0
        while True:
            with trio.move_on_after(5):
                return f"{await approved} after {reminders}"
            await call(r, "remind")
            reminders += 1

    s = script(main)
    s.start()
    for timer, task in ((2, 3), (4, 5)):
        assert names(s.turn(s.fired(timer))) == ["remind"]
        s.turn(s.done(task))
    s.turn(s.raised("approved", "yes"))
    assert s.completion.result == "yes after 2"


def test_an_event_that_came_while_nobody_waited_is_taken_on_the_return(script):
    async def main(r):
        approved = r.wait_for_event("approved", identity)
        with trio.move_on_after(5):
            return await approved
        await call(r, "remind")
        return await approved

    s = script(main)
    s.start()
    s.turn(s.fired(2))
    s.turn(s.raised("approved", "meanwhile"))
    s.turn(s.done(3))
    assert s.completion.result == "meanwhile"


RETRY = RetryPolicy(first_retry_interval=timedelta(seconds=1), max_number_of_attempts=5)


def test_nothing_is_tried_again_when_nobody_waits(script):
    async def main(r):
        with trio.move_on_after(5):
            await call(r, "flaky", retry=RETRY)
        await r.wait_for_event("end", identity)

    s = script(main)
    s.start()
    s.turn(s.fired(2))
    assert names(s.turn(s.failed(1))) == []


def test_it_is_tried_again_when_somebody_waits_again(script):
    async def main(r):
        flaky = call(r, "flaky", retry=RETRY)
        with trio.move_on_after(5):
            await flaky
        await call(r, "a")
        return await flaky

    s = script(main)
    s.start()
    s.turn(s.fired(2))
    s.turn(s.failed(1))
    (timer,) = s.turn(s.done(3)).actions
    assert isinstance(timer, CreateTimer)
    assert timer.name == "flaky-retry"
    assert names(s.turn(s.fired(4))) == ["flaky"]
    s.turn(s.done(5, "at last"))
    assert s.completion.result == "at last"


def test_a_retry_timer_that_fires_when_nobody_waits_does_nothing(script):
    async def main(r):
        with trio.move_on_after(5):
            await call(r, "flaky", retry=RETRY)
        await r.wait_for_event("end", identity)

    s = script(main)
    s.start()
    s.turn(s.failed(1))
    s.turn(s.fired(2))
    assert names(s.turn(s.fired(3))) == []


def test_a_coroutine_is_cancelled_with_the_wait_for_it(script):
    log = []

    async def main(r):
        log.clear()

        async def work():
            try:
                await call(r, "work")
            finally:
                log.append("work ended")

        with trio.move_on_after(5):
            await when_any([r.spawn(work(), "work"), r.wait_for_event("e", identity)])
        await trio.lowlevel.checkpoint()
        return ",".join(log)

    s = script(main)
    s.start()
    number = next(a.id for a in s.turns[0].actions if isinstance(a, CreateTimer) and a.origin.value == "")
    s.turn(s.fired(number))
    assert s.completion.result == "work ended"


def test_a_coroutine_started_in_a_cancelled_scope_takes_no_id(script):
    async def main(r):
        async def work():
            await call(r, "never")

        with trio.CancelScope() as scope:
            scope.cancel()
            r.spawn(work(), "work")
            await trio.lowlevel.checkpoint()
        return await call(r, "first")

    s = script(main)
    assert names(s.start()) == ["first"]


def test_the_real_trio_is_named_where_it_gets_in(script):
    import trio as real

    async def main(r):
        await real.lowlevel.cancel_shielded_checkpoint()

    s = script(main)
    s.start()
    assert "the real trio" in s.completion.failure.error_message


def test_cancelling_one_of_two_waiters_leaves_the_other(script):
    async def main(r):
        shared = call(r, "shared", retry=RETRY)

        async def impatient():
            with trio.move_on_after(5):
                await shared

        async with trio.open_nursery() as nursery:
            nursery.start_soon(impatient)
            return await shared

    s = script(main)
    s.start()
    s.turn(s.fired(2))
    assert names(s.turn(s.failed(1))) == ["CreateTimer"]


def test_racing_calls_in_a_nursery(script):
    async def main(r):
        async def racer(name):
            winners.append(await call(r, name))
            nursery.cancel_scope.cancel()

        winners = []
        with trio.fail_after(60):
            async with trio.open_nursery() as nursery:
                for name in "abc":
                    nursery.start_soon(racer, name)
        return ",".join(winners)

    s = script(main)
    assert names(s.start()) == ["a", "b", "c", "CreateTimer"]
    s.turn(s.done(2, "B"), s.done(1, "A"))
    assert s.completion.result == "B"


def test_the_contexts_call_may_be_started_itself(script):
    async def main(r):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call, r, "a")
            nursery.start_soon(call, r, "b")
        return "both"

    s = script(main)
    assert names(s.start()) == ["a", "b"]
    s.turn(s.done(2))
    s.turn(s.done(1))
    assert s.completion.result == "both"


def test_a_call_in_place_of_a_function_is_told_apart(script):
    async def main(r):
        async with trio.open_nursery() as nursery:
            try:
                nursery.start_soon(call(r, "a"))
            except TypeError as error:
                return str(error)

    s = script(main)
    s.start()
    assert "<DurableFuture activity 'a': pending>" in s.completion.result
    assert "nursery.start_soon(fn, ...)" in s.completion.result


def test_failed_calls_come_out_as_a_group(script):
    async def main(r):
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(call, r, "a")
                nursery.start_soon(call, r, "b")
        except* TaskFailedError as group:
            (error,) = group.exceptions
            found.append(error.details.error_message)
        return "".join(found[-1:])

    found = []
    s = script(main)
    s.start()
    s.turn(s.failed(2, "ValueError", "b is broken"))
    assert s.completion.result == "b is broken"


def test_what_nests_too_deep_fails(script):
    """It would on every replay; so it must not be taken for a fault of the kernel's and tried for ever."""

    async def main(r):
        nested = call(r, "a")
        for _ in range(sys.getrecursionlimit()):
            nested = when_all([nested])
        await nested

    s = script(main)
    s.start()
    s.turn(s.done(1))
    assert s.completion.status is ev.Status.FAILED
    assert s.completion.failure.error_type == "RecursionError"


def test_the_reasons_of_nested_nurseries_do_not_pile_up(script):
    async def main(r):
        async def child(depth):
            if depth == 0:
                raise KeyError("x" * 100)
            async with trio.open_nursery() as nursery:
                nursery.start_soon(child, depth - 1)
                try:
                    await trio.sleep_forever()
                except trio.Cancelled as error:
                    reasons.append(error.reason)
                    raise

        reasons = []
        try:
            await child(20)
        except* KeyError:
            pass
        return str(max(map(len, reasons)))

    s = script(main)
    s.start()
    assert int(s.completion.result) < 200


# -- graceful cancel -------------------------------------------------------------------------------------------------


def cancel(s, reason='"enough"'):
    return s.raised(CANCEL_EVENT.upper(), reason)


def test_cancelling_runs_shielded_cleanup_and_ends_as_canceled(script):
    async def main(r):
        try:
            await call(r, "long")
        finally:
            with trio.move_on_after(30, shield=True):
                await call(r, "clean up")

    s = script(main)
    s.start()
    assert names(s.turn(cancel(s))) == ["clean up", "CreateTimer"]
    s.turn(s.done(2))
    assert s.completion.status is ev.Status.CANCELED
    assert "enough" in s.completion.failure.error_message


def test_a_late_answer_after_a_cancel_changes_nothing(script):
    async def main(r):
        try:
            await call(r, "long")
        except trio.Cancelled as error:
            with trio.CancelScope(shield=True):
                await call(r, "clean up")
            return error.reason

    s = script(main)
    s.start()
    s.turn(cancel(s), s.done(1, "late"))
    s.turn(s.done(2))
    assert (s.completion.status, s.completion.result) == (ev.Status.COMPLETED, "enough")


def test_an_error_during_cleanup_fails_the_instance(script):
    async def main(r):
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(call, r, "a")
        finally:
            raise KeyError("cleanup")

    s = script(main)
    s.start()
    s.turn(cancel(s))
    assert s.completion.status is ev.Status.FAILED


def test_a_cancel_of_everything_in_a_nursery_is_no_group(script):
    async def main(r):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(call, r, "a")
            nursery.start_soon(call, r, "b")

    s = script(main)
    s.start()
    s.turn(cancel(s, None))
    assert s.completion.status is ev.Status.CANCELED


def test_a_cancel_before_the_code_starts_waiting(script):
    async def main(r):
        await call(r, "a")

    s = script(main)
    s.turn(ev.ExecutionStarted(-1, s.now, "main", None, "i", "e1"), cancel(s))
    assert s.completion.status is ev.Status.CANCELED


@pytest.mark.parametrize("save_events", [True, False])
def test_a_cancel_in_the_turn_of_a_continue_as_new_is_carried_over(script, save_events):
    """Also where the code does not want its unread events: whoever asked for the stop was told that it was heard."""

    async def main(r):
        await r.wait_for_event("tick", identity)
        r.continue_as_new("next", save_events=save_events)

    s = script(main)
    s.start()
    s.turn(s.raised("tick"), s.raised("tock"), cancel(s))
    carried = [event.name for event in s.completion.carryover]
    assert carried == (["tock"] if save_events else []) + [CANCEL_EVENT.upper()]


# -- eviction --------------------------------------------------------------------------------------------------------


def test_disposing_runs_every_finally_here_and_asks_for_nothing():
    log = []

    async def main(r):
        async def numbers():
            try:
                while True:
                    await trio.sleep(1)
                    yield 1
            finally:
                await trio.sleep(1)
                log.append("never: it awaited")

        async def child(name):
            try:
                async for _ in numbers():
                    await call(r, name)
            finally:
                log.append((name, trio.current_time()))
                with trio.CancelScope(shield=True):
                    nursery.start_soon(child, "started in a cleanup")
                    await call(r, "cleanup")

        async with trio.open_nursery() as nursery:
            for name in "ab":
                nursery.start_soon(child, name)

    s = TrioScript(main)
    s.start()
    before = [*s.turn(s.fired(1), s.fired(2)).actions]
    gc.collect()  # what others left goes before the hook is ours
    unraisable = []
    hook, sys.unraisablehook = sys.unraisablehook, unraisable.append
    try:
        s.replay.close()
        assert [name for name, _ in log[:2]] == ["b", "a"]
        assert s.replay.turn([], []).actions == before
        assert s.replay.scheduler.live == 0
        del s, main
        gc.collect()
    finally:
        sys.unraisablehook = hook
    assert [str(each.exc_value) for each in unraisable] == []


def test_an_abandoned_generator_is_not_left_to_the_collector():
    """Its finally block runs at the disposal: when a collector would have run it is not the same on every replay."""
    log = []

    async def main(r):
        async def numbers():
            try:
                yield 1
                yield 2
            finally:
                log.append("closed")

        async for _ in numbers():
            break
        gc.collect()
        log.append("after")
        await call(r, "a")

    s = TrioScript(main)
    s.start()
    assert log == ["after"]
    s.replay.close()
    assert log == ["after", "closed"]


def test_a_disposal_is_as_silent_as_a_replay():
    """What a finally block prints then would be printed again when it really runs."""
    seen = []

    async def main(r):
        try:
            await call(r, "a")
        finally:
            seen.append(r.is_replaying)

    s = TrioScript(main)
    s.replay.on_replaying = seen.append
    s.start()
    s.replay.close()
    assert seen[-2:] == [True, True]


def cancelled(s):
    return s.turn(s.raised(CANCEL_EVENT, None))


async def shielded_wait(future):
    """Waits for `future` as clean-up does: a cancellation from around is not for it."""
    with trio.CancelScope(shield=True):
        return await future


def test_a_cancel_does_not_reach_a_coroutine_that_was_started_in_a_shield(script):
    async def main(r):
        try:
            await r.wait_for_event("never", identity)
        finally:
            with trio.CancelScope(shield=True):
                r.custom_status = await (await when_any([r.spawn(call_of(r, "tidy up"), "tidy up")]))

    s = script(main)
    s.start()
    assert names(cancelled(s)) == ["tidy up"]
    s.turn(s.done(2, "tidy"))
    assert s.turns[-1].custom_status == "tidy"
    assert s.completion.status is Status.CANCELED


def test_a_cancel_does_not_reach_a_coroutine_that_is_shielded_while_it_runs(script):
    async def main(r):
        with trio.CancelScope(shield=True):
            return await (await when_any([r.spawn(call_of(r, "must be done"), "must be done")]))

    s = script(main)
    assert names(s.start()) == ["must be done"]
    assert not s.turns[-1].complete
    cancelled(s)
    assert not s.turns[-1].complete
    s.turn(s.done(1, "done"))
    assert s.completion.result == "done"


def test_a_cancel_does_not_reach_what_is_awaited_in_a_shield_though_it_was_started_outside(script):
    async def main(r):
        return await shielded_wait(when_all([r.spawn(call_of(r, "work"), "work")]))

    s = script(main)
    s.start()
    cancelled(s)
    s.turn(s.done(1, "done"))
    assert s.completion.status is Status.COMPLETED


def test_a_scope_takes_along_the_coroutines_that_nobody_waits_for(script):
    async def main(r):
        log = []
        with trio.move_on_after(5):
            r.spawn(told(log, r.wait_for_event("never", identity)), "work")
            await r.wait_for_event("e", identity)
        await trio.lowlevel.checkpoint()
        return ",".join(log)

    s = script(main)
    s.start()
    number = next(a.id for a in s.turns[0].actions if isinstance(a, CreateTimer) and a.origin.value == "")
    s.turn(s.fired(number))
    assert s.completion.result == "Cancelled"


def test_a_scope_leaves_alone_what_another_task_waits_for(script):
    """Rule 3 of futures.py: as long as somebody is interested the coroutine runs."""

    async def main(r):
        got = []

        async def elsewhere():
            got.append(await future)

        async with trio.open_nursery() as nursery:
            with trio.move_on_after(5):
                future = r.spawn(call_of(r, "shared"), "shared")
                nursery.start_soon(elsewhere)
                await r.wait_for_event("e", identity)
        return got[0]

    s = script(main)
    s.start()
    number = next(a.id for a in s.turns[0].actions if isinstance(a, CreateTimer) and a.origin.value == "")
    s.turn(s.fired(number))
    assert not s.turns[-1].complete
    s.turn(s.done(next(a.id for a in s.turns[0].actions if isinstance(a, ScheduleTask)), "both"))
    assert s.completion.result == "both"


def test_a_coroutine_outlives_the_scope_that_it_was_started_in(script):
    async def main(r):
        async with trio.open_nursery() as nursery:
            with trio.CancelScope():
                future = r.spawn(call_of(r, "work"), "work")
            inner = []
            nursery.start_soon(started_by_a_child, r, inner)
        return [await future, await inner[0]]

    async def started_by_a_child(r, inner):
        inner.append(r.spawn(call_of(r, "more"), "more"))

    s = script(main)
    assert names(s.start()) == ["work", "more"]
    s.turn(s.done(1, "1"), s.done(2, "2"))
    assert s.completion.result == ["1", "2"]


def test_what_outlived_its_scope_belongs_to_the_scope_around(script):
    async def main(r):
        log = []

        async def starts_another():
            with trio.CancelScope():
                r.spawn(told(log, r.wait_for_event("never", identity)), "inner")

        with trio.CancelScope() as around:
            await r.spawn(starts_another(), "outer")
            assert log == []
            around.cancel()
            await trio.lowlevel.cancel_shielded_checkpoint()
        await trio.lowlevel.checkpoint()
        return ",".join(log)

    s = script(main)
    s.start()
    assert s.completion.result == "Cancelled"


def test_a_coroutine_that_was_cancelled_stays_so_when_its_scope_is_left(script):
    async def main(r):
        log = []

        async def stubborn():
            with trio.CancelScope(shield=True):
                await call(r, "tidy up")
            await told(log, trio.lowlevel.checkpoint())

        with trio.CancelScope() as scope:
            future = r.spawn(stubborn(), "stubborn")
            await trio.lowlevel.checkpoint()
            scope.cancel()
        with pytest.raises(RuntimeError, match="was cancelled"):
            await future
        return ",".join(log)

    s = script(main)
    s.start()
    s.turn(s.done(1, None))
    assert s.completion.result == "Cancelled"


def test_a_coroutine_sees_the_deadline_that_stands_around_it(script):
    async def main(r):
        async def asks():
            return trio.current_effective_deadline() - trio.current_time()

        with trio.move_on_after(5):
            return await r.spawn(asks(), "asks")

    s = script(main)
    s.start()
    assert s.completion.result == 5


async def call_of(r, name):
    return await call(r, name)


async def told(log, awaitable):
    try:
        await awaitable
    except BaseException as error:
        log.append(type(error).__name__)
        raise
