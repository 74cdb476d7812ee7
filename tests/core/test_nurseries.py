"""Nurseries, parking lots, scopes and safe channels: what programs meet at their edges."""

from __future__ import annotations

from math import nan

import pytest

from tests.core.test_words import durably
from tests.durable.kit import DURABLE_TRIO as trio
from trio_durable._core.nurseries import _brief, raise_as_it_is
from trio_durable._core.safe_channels import _what_matters
from trio_durable._core.scheduler import Scheduler
from trio_durable._core.scope_tree import Scope
from trio_durable._core.scopes import CancelScope
from trio_durable._core.tasks import current_task


def shown(error):
    if isinstance(error, BaseExceptionGroup):
        return [type(error).__name__, error.message, *(shown(each) for each in error.exceptions)]
    return f"{type(error).__name__}: {error}"


# -- names that show no address ----------------------------------------------------------------------------------------


def test_what_opens_a_nursery_is_shown_as_it_is_written():
    assert repr(trio.open_nursery()) == "<trio.open_nursery()>"


def test_a_token_says_whose_it_is_and_whether_it_was_used():
    async def program(log):
        var = trio.lowlevel.RunVar("tenant")
        token = var.set("blue")
        log(repr(token))
        var.reset(token)
        log(repr(token))

    before, after = durably(program)
    assert before == f"<RunVarToken of {before[len('<RunVarToken of '):-1]}>"
    assert "tenant" in before
    assert after == before[:-1] + ", used>"


def test_a_scope_that_has_its_reason_keeps_it_where_the_scope_around_it_is_cancelled_too():
    async def program(log):
        inner = trio.CancelScope()
        inner.cancel(reason="its own")
        with trio.CancelScope() as outer:
            outer.cancel(reason="another")
            with inner:
                try:
                    await trio.lowlevel.checkpoint()
                except trio.Cancelled as cancelled:
                    log(cancelled.reason)
                    raise

    assert durably(program) == ["its own"]


# -- nurseries --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("members", [1, 2, 3])
def test_a_group_that_a_child_raises_before_it_started_comes_as_it_is(members):
    raised = ExceptionGroup("the child's", [KeyError(number) for number in range(members)])

    async def program(log):
        async def starts(task_status):
            raise raised

        async with trio.open_nursery() as nursery:
            try:
                await nursery.start(starts)
            except BaseException as error:
                log(shown(error))

    assert durably(program) == [shown(raised)]


def test_a_child_that_is_being_started_may_not_start_others_beside_it():
    async def program(log):
        async def fails():
            raise KeyError("other")

        async def starts(task_status):
            current_task().parent_nursery.start_soon(fails)
            raise ValueError("child")

        async with trio.open_nursery() as nursery:
            try:
                await nursery.start(starts)
            except RuntimeError as error:
                log(str(error))
                log(sorted(map(shown, error.__cause__.exceptions)))

    assert durably(program) == [
        "a task being started may not start others in the nursery of its task_status",
        ["KeyError: 'other'", "ValueError: child"],
    ]


def test_a_child_that_another_reports_as_started_meets_the_cancelled_nursery_at_once():
    async def program(log):
        async def starts(task_status):
            given.append(task_status)
            try:
                await trio.Event().wait()
            finally:
                log("told")

        async def starter(nursery):
            await nursery.start(starts)
            log("started")

        given = []
        async with trio.open_nursery() as around, trio.open_nursery() as nursery:
            around.start_soon(starter, nursery)
            await trio.sleep(1)
            nursery.cancel_scope.cancel()
            given[0].started()
            (child,) = nursery.child_tasks
            log(child.is_waiting)

    assert durably(program) == [False, "told", "started"]


def test_what_the_block_of_a_loose_nursery_raises_goes_on():
    error = KeyError("block")

    async def program(log):
        try:
            async with trio.open_nursery(strict_exception_groups=False):
                raise error
        except BaseException as caught:
            log(caught is error)

    assert durably(program) == [True]


def test_what_is_raised_as_it_is_keeps_what_it_was_raised_in():
    error, before = ValueError("e"), KeyError("before")
    error.__context__ = before
    try:
        try:
            raise LookupError("around")
        except LookupError:
            raise_as_it_is(error)
    except ValueError as caught:
        assert caught is error
    assert error.__context__ is before


def test_a_nursery_whose_child_is_being_started_waits_for_it():
    async def program(log):
        async def starts(task_status):
            await trio.sleep(1)
            task_status.started("value")
            await trio.sleep(1)
            log("child")

        async def starter(nursery):
            log(await nursery.start(starts))

        async with trio.open_nursery() as around:
            async with trio.open_nursery() as nursery:
                around.start_soon(starter, nursery)
                await trio.lowlevel.checkpoint()
            log("left")

    assert durably(program) == ["value", "child", "left"]


# -- lots -------------------------------------------------------------------------------------------------------------


def test_a_lot_that_is_broken_twice_breaks_nobody_twice():
    async def program(log):
        lot = trio.lowlevel.ParkingLot()

        async def waits():
            try:
                await lot.park()
            except trio.BrokenResourceError as error:
                log(str(error).partition(" by")[0])

        async with trio.open_nursery() as nursery:
            nursery.start_soon(waits)
            await trio.sleep(1)
            lot.break_lot()
            parked = lot._parked
            lot.break_lot()
            log((lot._parked is parked, len(lot.broken_by)))

    assert durably(program) == [(True, 2), "Parking lot broken"]


# -- scopes -----------------------------------------------------------------------------------------------------------


def test_a_scope_under_another_is_its_child_until_it_is_detached():
    scheduler = Scheduler()
    parent = Scope.under(scheduler.root)
    child = Scope.under(parent)
    assert child._scheduler is scheduler
    assert repr(child) == "<trio.CancelScope, active>"
    other = Scope.under(parent)
    other._detach()
    assert repr(other) == "<trio.CancelScope, exited>"
    parent._cancel(None)
    assert (child._cancelled, other._cancelled) == (True, False)
    assert (repr(parent), repr(child)) == ("<trio.CancelScope, active, cancelled>", "<trio.CancelScope, active>")
    assert not scheduler.deadlines.unarmed


def test_a_scope_whose_deadline_is_now_is_entered_cancelled():
    async def program(log):
        with trio.CancelScope(deadline=trio.current_time()) as scope:
            log(scope._cancelled)
            await trio.lowlevel.checkpoint()
            log("not here")
        log(scope.cancelled_caught)

    assert durably(program) == [True, True]


def test_a_scope_is_left_by_its_own_task_and_once():
    cause = KeyError("k")

    async def program(log):
        with trio.CancelScope() as scope:
            pass
        try:
            scope.__exit__(KeyError, cause, None)
        except RuntimeError as error:
            log(error.__context__ is cause)

        async def leaves(scope):
            try:
                scope.__exit__(KeyError, cause, None)
            except RuntimeError as error:
                log(error.__context__ is cause)

        async with trio.open_nursery() as nursery:
            with trio.CancelScope() as scope:
                nursery.start_soon(leaves, scope)
                await trio.sleep(1)

    assert durably(program) == [True, True]


def test_each_scope_keeps_the_first_reason():
    async def program(log):
        with trio.CancelScope() as outer, trio.CancelScope(shield=True) as inner:
            outer.cancel("outer")
            inner.cancel("inner")
            inner.shield = False
            try:
                await trio.lowlevel.checkpoint()
            except trio.Cancelled as error:
                log(error.reason)
                raise

    assert durably(program) == ["inner"]


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"deadline": nan}, "deadline must not be NaN"),
        ({"relative_deadline": nan}, "relative deadline must not be NaN"),
        ({"relative_deadline": -1.0}, "timeout must be non-negative"),
        ({"deadline": 1.0, "relative_deadline": 1.0}, "Cannot specify both a deadline and a relative deadline"),
    ],
)
def test_what_is_no_deadline(given, words):
    with pytest.raises(ValueError, match=f"^{words}$"):
        CancelScope(**given)


# -- channels ---------------------------------------------------------------------------------------------------------


def test_what_was_not_sent_in_time_is_not_received():
    async def program(log):
        send, receive = trio.open_memory_channel(0)
        with trio.move_on_after(1):
            await send.send("too late")
        log(send.statistics().tasks_waiting_send)
        try:
            receive.receive_nowait()
        except trio.WouldBlock:
            log("nothing")

    assert durably(program) == [0, "nothing"]


# -- safe channels ----------------------------------------------------------------------------------------------------


def test_what_a_safe_channel_raises():
    async def program(log):
        cancelled = []
        for reason in ("first", "second"):
            with trio.CancelScope() as scope:
                scope.cancel(reason)
                try:
                    await trio.lowlevel.checkpoint()
                except trio.Cancelled as error:
                    cancelled.append(error)
                    raise
        error, other, leaves = KeyError("k"), ValueError("v"), SystemExit(3)
        for members in ([cancelled[0], error], cancelled, cancelled[:1], [error, other], [error, leaves], [leaves]):
            only = _what_matters(BaseExceptionGroup("g", members))
            log(None if only is None else members.index(only))

    assert durably(program) == [1, 0, 0, None, 1, 0]


def test_a_safe_channel_that_is_left_while_an_item_is_on_its_way_ends_its_generator():
    async def program(log):
        @trio.as_safe_channel
        async def counts():
            try:
                for number in range(5):
                    yield number
                    log("went on")
            finally:
                log("ended")

        async with counts() as channel:
            log(await channel.receive())

            async def leaves():
                channel._wanted.release()
                channel.__exit__()

            async with trio.open_nursery() as nursery:
                nursery.start_soon(leaves)

    assert durably(program) == [0, "ended"]


def test_a_safe_channel_that_is_left_while_its_generator_sends_raises_nothing():
    async def program(log):
        @trio.as_safe_channel
        async def slow():
            try:
                await trio.sleep(2)
                yield "late"
            finally:
                log("ended")

        async with slow() as channel:
            with trio.move_on_after(1):
                await channel.receive()
            await trio.sleep(2)  # by now it has something to send, and nobody receives
        log("left")

    assert durably(program) == ["ended", "left"]


def test_who_is_never_to_be_woken_says_so():
    async def program(log):
        async def sleeps():
            try:
                await trio.sleep_forever()
            except RuntimeError as error:
                log(str(error))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(sleeps)
            await trio.sleep(1)
            (task,) = nursery.child_tasks
            trio.lowlevel.reschedule(task)

    assert durably(program) == ["Should never have been rescheduled!"]


def test_a_group_is_named_and_counted_but_not_told():
    group = BaseExceptionGroup("several", [KeyError(1), KeyboardInterrupt()])
    assert _brief(group) == "BaseExceptionGroup('several', [2 of them])"
    assert _brief(KeyError(1)) == "KeyError(1)"
