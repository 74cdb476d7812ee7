"""Coroutines that are awaited again after a cancel, cancels that come before the start, and deep disposals."""

from __future__ import annotations

import pytest

from tests.core.conftest import identity
from tests.durable.kit import DURABLE_TRIO as trio
from tests.durable.kit import durable_run
from tests.durable.test_deadlines import TrioScript
from tests.durable.test_waits import call, call_of, names, script  # noqa: F401 (a fixture)
from trio_durable._core import events as ev
from trio_durable._core.events import Status
from trio_durable._core.futures import when_all
from trio_durable._core.mailbox import CANCEL_EVENT

# -- awaited again ----------------------------------------------------------------------------------------------------


def stop(s):
    return s.turn(s.raised(CANCEL_EVENT))


def test_work_that_is_awaited_again_behind_a_shield_goes_on(script):  # noqa: F811
    async def main(r):
        work = when_all([r.spawn(call_of(r, "one"), "one"), r.spawn(call_of(r, "two"), "two")])
        try:
            await work
        finally:
            with trio.CancelScope(shield=True):
                r.custom_status = ",".join(await work)

    s = script(main)
    s.start()
    stop(s)
    assert not s.turns[-1].complete
    s.turn(s.done(1, "1"), s.done(2, "2"))
    assert s.turns[-1].custom_status == "1,2"
    assert s.completion.status is Status.CANCELED


def test_work_that_is_awaited_again_after_a_timeout_goes_on(script):  # noqa: F811
    async def main(r):
        work = r.spawn(call_of(r, "work"), "work")
        with trio.move_on_after(5):
            return await work
        return f"late {await work}"

    s = script(main)
    s.start()
    s.turn(s.fired(2))
    s.turn(s.done(1, "but there"))
    assert s.completion.result == "late but there"


def test_work_that_is_not_awaited_again_at_once_is_cancelled_and_says_so(script):  # noqa: F811
    async def main(r):
        work = r.spawn(call_of(r, "work"), "work")
        try:
            await work
        finally:
            with trio.CancelScope(shield=True):
                await call(r, "tidy up")
                with pytest.raises(RuntimeError, match="Await at once what is to go on"):
                    await work

    s = script(main)
    s.start()
    assert names(stop(s)) == ["tidy up"]
    s.turn(s.done(2))
    assert s.completion.status is Status.CANCELED


def test_work_that_goes_on_behind_a_shield_is_cancelled_with_the_shielded_wait(script):  # noqa: F811
    async def main(r):
        log = []

        async def works():
            try:
                await call(r, "work")
            except trio.Cancelled:
                log.append("given up")
                raise

        work = r.spawn(works(), "work")
        try:
            await work
        finally:
            with trio.move_on_after(60, shield=True):
                await work
            with trio.CancelScope(shield=True):
                await trio.lowlevel.checkpoint()
                await trio.lowlevel.checkpoint()
                r.custom_status = ",".join(log)

    s = script(main)
    s.start()
    stop(s)
    assert not s.turns[-1].complete
    s.turn(s.fired(2))
    assert s.turns[-1].custom_status == "given up"
    assert s.completion.status is Status.CANCELED


@pytest.mark.parametrize("waits", [True, False])
def test_work_that_is_cancelled_with_its_scope_hears_why(script, waits):  # noqa: F811
    async def main(r):
        reasons = []

        async def works():
            try:
                await call(r, "work")
            except trio.Cancelled as error:
                reasons.append(error.reason)
                raise

        with trio.CancelScope() as scope:
            work = r.spawn(works(), "work")
            await trio.lowlevel.checkpoint()
            scope.cancel("enough")
            if waits:
                await work
        await trio.lowlevel.checkpoint()
        return reasons

    s = script(main)
    s.start()
    assert s.completion.result == ["enough"]


# -- cancelled before the start ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("before", [0, 1], ids=["alone", "after another event"])
def test_an_instance_that_is_cancelled_before_its_first_turn_asks_for_nothing(script, before):  # noqa: F811
    async def main(r):
        try:
            await call(r, "charge")
        finally:
            with trio.CancelScope(shield=True):
                await call(r, "tidy up")

    s = script(main)
    started = ev.ExecutionStarted(-1, s.now, "main", None, "i", "e1")
    events = [s.raised("news", "1")] * before
    assert names(s.turn(started, *events, s.raised(CANCEL_EVENT, '"too late"'))) == ["tidy up"]
    s.turn(s.done(1))
    assert s.completion.status is Status.CANCELED


def test_what_came_with_the_start_is_read_all_the_same(script):  # noqa: F811
    async def main(r):
        return await r.wait_for_event("news", identity)

    s = script(main)
    s.turn(ev.ExecutionStarted(-1, s.now, "main", None, "i", "e1"), s.raised("news", "1"), s.raised("news", "2"))
    assert s.completion.result == "1"


def test_a_cancel_in_a_later_turn_does_not_reach_back(script):  # noqa: F811
    """History has nothing between the start and the cancel but the beginning of a turn."""

    async def main(r):
        r.custom_status = "begun"
        try:
            await trio.sleep_forever()
        finally:
            with trio.CancelScope(shield=True):
                await call(r, "tidy up")

    s = script(main)
    assert s.start().custom_status == "begun"
    assert names(stop(s)) == ["tidy up"]
    s.turn(s.done(1))
    assert s.completion.status is Status.CANCELED


def test_an_instance_that_is_suspended_before_its_first_turn_is_cancelled_when_it_is_resumed(script):  # noqa: F811
    async def main(r):
        await call(r, "charge")

    s = script(main)
    started = ev.ExecutionStarted(-1, s.now, "main", None, "i", "e1")
    s.turn(ev.ExecutionSuspended(-1, s.now, None), started, s.raised(CANCEL_EVENT))
    assert (s.turns[-1].actions, s.turns[-1].complete) == ([], False)
    assert names(s.turn(ev.ExecutionResumed(-1, s.now, None))) == ["CompleteOrchestration"]
    assert s.completion.status is Status.CANCELED


# -- the order of clean-ups -------------------------------------------------------------------------------------------


def test_clean_ups_begin_in_the_order_that_the_page_tells():
    async def program(trio, log):
        async def waits(name, wait):
            try:
                await wait()
            finally:
                log(name)

        async def parent(name):
            async with trio.open_nursery() as inner:
                inner.start_soon(waits, f"{name}'s child", trio.sleep_forever)
                await waits(f"{name}'s block", trio.sleep_forever)
            log("not reached")

        async with trio.open_nursery() as nursery:
            nursery.start_soon(waits, "sleeps", lambda: trio.sleep(9))
            nursery.start_soon(waits, "for ever", trio.sleep_forever)
            nursery.start_soon(parent, "parent")
            nursery.start_soon(waits, "for ever too", trio.sleep_forever)
            await trio.sleep(1)
            nursery.cancel_scope.cancel()

    trace = durable_run(program).trace
    order = ["for ever", "for ever too", "sleeps", "parent's block", "parent's child"]
    assert [line[0].strip("'\"") for line in trace[:-1]] == order


# -- disposal ---------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("shape", ["nurseries", "children", "finally"])
def test_deep_nesting_is_disposed_of_in_silence(shape, recwarn):
    """What is left over would be ended by the garbage collector, which says "coroutine ignored GeneratorExit"."""
    ended = []

    async def nest(depth):
        if depth == 0:
            await trio.sleep_forever()
        elif shape == "finally":
            try:
                await nest(depth - 1)
            finally:
                ended.append(depth)
                await trio.sleep(1)
        else:
            try:
                async with trio.open_nursery() as nursery:
                    if shape == "children":
                        nursery.start_soon(nest, depth - 1)
                    else:
                        await nest(depth - 1)
            finally:
                ended.append(depth)

    s = TrioScript(lambda replay: nest(150))
    s.start()
    s.replay.close()
    assert sorted(ended) == list(range(1, 151))
    assert not recwarn.list
