"""Tasks by themselves: how they are made ready, interrupted, ended and disposed of."""

from __future__ import annotations

import sys
from math import nan

import pytest

from tests.core.test_words import caught, durably
from tests.durable.kit import DURABLE_TRIO as trio
from trio_durable._core.futures import DurableFuture
from trio_durable._core.scheduler import DISPOSE_LIMIT, Evicted, Scheduler, checkpoint
from trio_durable._core.scopes import CancelScope
from trio_durable._core.tasks import current_task, wait_on
from trio_durable._core.timeouts import move_on_after, move_on_at


class Wait:
    """Something to wait for that writes down what it is asked."""

    def __init__(self, log=None, *, leave=True):
        self.log = [] if log is None else log
        self.leave = leave

    def park(self, task):
        self.log.append(("park", task.number))

    def forget(self, task):
        self.log.append(("forget", task.number))
        if isinstance(self.leave, Exception):
            raise self.leave
        return self.leave


def spawned(*functions):
    """A scheduler and a task of each; what they give or raise goes into the list."""
    scheduler, ends = Scheduler(), []
    tasks = [
        scheduler.spawn(function(), function.__name__, lambda value, error: ends.append(error or value))
        for function in functions
    ]
    return scheduler, tasks, ends


# -- being made -------------------------------------------------------------------------------------------------------


def test_a_new_scheduler_runs_nothing():
    scheduler = Scheduler()
    assert scheduler.current is None
    assert scheduler.root_task is None
    assert scheduler.live == 0


def test_tasks_are_numbered_and_the_first_is_the_root():
    async def first(): ...

    async def second(): ...

    scheduler, tasks, _ = spawned(first, second)
    assert [repr(task) for task in tasks] == ["<Task 1 'first'>", "<Task 2 'second'>"]
    assert [task.__sandbox_order__() for task in tasks] == [1, 2]
    assert scheduler.root_task is tasks[0]
    assert scheduler.live == 2
    for task in tasks:
        assert task.custom_sleep_data is None
        assert task.eventual_parent_nursery is None
        assert task.aio is None
    assert list(scheduler.root._tasks) == tasks
    scheduler.run()
    assert scheduler.live == 0
    assert not scheduler.root._tasks


# -- being made ready -------------------------------------------------------------------------------------------------


def test_a_task_that_is_ready_is_left_as_it_is():
    wait = Wait()

    async def waits():
        return [await wait_on(wait), await wait_on(wait)]

    scheduler, (task,), ends = spawned(waits)
    task.wake("before it began")
    task.fail(KeyError("before it began"))
    scheduler.run()
    assert wait.log == [("park", 1)]
    task.custom_sleep_data = "mine"
    task.wake("one")
    assert task.custom_sleep_data is None
    task.wake("other")
    task.fail(KeyError("other"))
    scheduler.run()
    assert wait.log == [("park", 1)] * 2
    task.wake("two")
    scheduler.run()
    assert ends == [["one", "two"]]


def test_a_task_that_is_to_fail_is_left_as_it_is():
    wait = Wait()

    async def waits():
        try:
            await wait_on(wait)
        except KeyError:
            return await wait_on(wait)

    scheduler, (task,), ends = spawned(waits)
    scheduler.run()
    task.custom_sleep_data = "mine"
    task.fail(KeyError("first"))
    assert task.custom_sleep_data is None
    task.fail(ValueError("second"))
    task.wake("second")
    scheduler.run()
    assert len(wait.log) == 2
    task.wake("two")
    scheduler.run()
    assert ends == ["two"]


def test_an_interruption_takes_nothing_from_a_task_that_is_ready():
    future: DurableFuture[str] = DurableFuture("f", 1)
    wait = Wait()
    got = []

    async def waits():
        got.append(await future)
        try:
            await wait_on(wait)
        except KeyError as error:
            got.append(error.args[0])
        got.append(await wait_on(wait))

    scheduler, (task,), _ = spawned(waits)
    scheduler.run()
    future.complete("handed over")
    task.interrupt_once(KeyError("at the next wait"))
    scheduler.run()
    assert got == ["handed over", "at the next wait"]
    assert wait.log == [("park", 1), ("forget", 1), ("park", 1)]
    task.wake("only once")
    scheduler.run()
    assert got[2:] == ["only once"]


def test_a_task_that_has_not_begun_is_interrupted_before_anything_else():
    began = []

    async def begins():
        began.append(True)

    scheduler, (task,), ends = spawned(begins)
    task.interrupt_once(KeyError("too soon"))
    scheduler.run()
    assert began == []
    assert [type(end) for end in ends] == [KeyError]


def test_a_deadline_that_was_past_when_it_was_set_expires_though_no_task_is_ready():
    scheduler = Scheduler()
    scheduler.now = 10**9
    scope = CancelScope.under(scheduler.root)
    scope.deadline = 0.5
    scheduler.run()
    assert scope._called


# -- scopes -----------------------------------------------------------------------------------------------------------


def test_a_waiting_task_that_comes_into_a_cancelled_scope_is_told_at_once():
    wait = Wait()

    async def waits():
        await wait_on(wait)

    scheduler, (task,), ends = spawned(waits)
    scheduler.run()
    quiet, loud = CancelScope.under(scheduler.root), CancelScope.under(scheduler.root)
    task.enter(quiet)
    assert wait.log == [("park", 1)]
    assert task.is_waiting
    loud.cancel()
    task.enter(loud)
    assert not quiet._tasks
    assert list(loud._tasks) == [task]
    assert wait.log == [("park", 1), ("forget", 1)]
    scheduler.run()
    assert "explicit" in str(ends[0])


def test_who_is_left_in_a_scope_that_was_left_before_its_time_is_cancelled():
    async def program(log):
        @caught(log)
        async def stays():
            await trio.Event().wait()

        outer = trio.CancelScope()
        outer.__enter__()
        manager = trio.open_nursery()
        nursery = await manager.__aenter__()
        nursery.start_soon(stays)
        await trio.sleep(1)
        try:
            outer.__exit__(None, None, None)
        except RuntimeError:
            log("corrupted")
        try:
            await manager.__aexit__(None, None, None)
        except BaseException as error:
            log(type(error).__name__)

    lines = durably(program)
    assert lines[:2] == ["corrupted", ("unknown", "misnesting", None)]


def test_a_scope_in_one_that_was_left_before_its_time_catches_what_cancels_it():
    async def program(log):
        async def stays():
            with trio.CancelScope():
                await trio.Event().wait()
            log("went on")

        outer, manager = trio.CancelScope(), trio.open_nursery()
        outer.__enter__()
        nursery = await manager.__aenter__()
        nursery.start_soon(stays)
        await trio.sleep(1)
        try:
            outer.__exit__(None, None, None)
        except RuntimeError:
            log("corrupted")
        await manager.__aexit__(None, None, None)

    assert durably(program) == ["corrupted", "went on"]


@pytest.mark.parametrize("name", ["move_on_at", "move_on_after", "fail_at", "fail_after"])
@pytest.mark.parametrize("shield", [True, False])
def test_a_time_limit_may_be_a_shield(name, shield):
    async def program(log):
        with getattr(trio, name)(2_000_000_000, shield=shield) as scope:
            log(scope.shield)
        with getattr(trio, name)(2_000_000_000) as scope:
            log(scope.shield)

    assert durably(program) == [shield, False]


@pytest.mark.parametrize(
    ("limit", "given", "error", "words"),
    [
        (move_on_after, nan, ValueError, "`seconds` must not be NaN"),
        (move_on_after, -1, ValueError, "`seconds` must be non-negative"),
        (
            move_on_after,
            "soon",
            TypeError,
            "expected a number of seconds, got 'soon'. Of a timedelta, give total_seconds().",
        ),
        (
            move_on_at,
            "noon",
            TypeError,
            "a deadline is a number of seconds on the orchestration's clock, got 'noon'. "
            "Of a datetime with a time zone, give its timestamp().",
        ),
    ],
)
def test_what_is_no_time_limit(limit, given, error, words):
    with pytest.raises(error) as caught:
        limit(given)
    assert str(caught.value) == words


def test_a_task_that_has_ended_breaks_no_lots():
    async def program(log):
        async def ends():
            tasks.append(current_task())

        tasks = []
        async with trio.open_nursery() as nursery:
            nursery.start_soon(ends)
        try:
            trio.lowlevel.add_parking_lot_breaker(tasks[0], trio.lowlevel.ParkingLot())
        except trio.BrokenResourceError as error:
            log(str(error))
        log(tasks[0]._scope)

    assert durably(program) == ["Attempted to add already exited task as lot breaker.", None]


# -- being disposed of ------------------------------------------------------------------------------------------------


def test_disposing_withdraws_each_wait_whatever_that_raises():
    log = []

    async def first():
        try:
            await wait_on(Wait(log, leave=ValueError("the user's")))
        finally:
            log.append(current_task().name)

    async def second():
        try:
            await wait_on(Wait(log))
        finally:
            log.append(current_task().name)

    scheduler, _, ends = spawned(first, second)
    scheduler.run()
    log.clear()
    scheduler.dispose()
    assert log == [("forget", 2), "second", ("forget", 1), "first"]
    assert scheduler.current is None
    assert scheduler.live == 0
    assert ends == []
    scheduler.run()
    assert len(log) == 4


def test_a_task_that_is_woken_in_the_last_moments_of_another_ends_once():
    future: DurableFuture[str] = DurableFuture("f", 1)
    log = []

    async def older():
        try:
            log.append(await future)
        except Evicted:
            log.append("older")
            raise

    async def younger():
        try:
            await wait_on(Wait())
        finally:
            future.complete("woken")
            log.append("younger")

    scheduler, _, _ = spawned(older, younger)
    scheduler.run()
    scheduler.dispose()
    scheduler.run()
    assert log == ["younger", "older"]


def numbers(log, name="generator"):
    async def generate():
        try:
            for number in range(3):
                yield number
        finally:
            log.append(name)
            try:
                await checkpoint()
            except Evicted:
                log.append("evicted")
                raise

    return generate()


def test_generators_that_were_not_finished_end_when_the_instance_does():
    log = []
    kept = []

    async def leaves_one():
        kept.append(numbers(log))
        async for _ in kept[0]:
            break
        try:
            await wait_on(Wait())
        finally:
            # One that is begun while everything ends is ended with it.
            kept.append(numbers(log, "late"))
            log.append(await anext(kept[1]))

    scheduler, _, _ = spawned(leaves_one)
    scheduler.run()
    assert log == []
    scheduler.dispose()
    assert log == [0, "late", "evicted", "generator", "evicted"]
    assert [generator.ag_frame for generator in kept] == [None, None]
    assert scheduler.current is None


def test_a_generator_that_outlived_every_task_ends_when_the_instance_does():
    log, kept = [], []

    async def cleans_up():
        try:
            yield 1
        finally:
            log.append(current_task().name)

    async def leaves_one():
        kept.append(cleans_up())
        await anext(kept[0])

    scheduler, _, _ = spawned(leaves_one)
    scheduler.run()
    assert (log, scheduler.live) == ([], 0)
    scheduler.dispose()
    assert log == ["leaves_one"]
    assert scheduler.current is None


@pytest.mark.parametrize("when", ["running", "disposing"])
def test_no_generator_is_given_to_the_event_loop_around(when, monkeypatch):
    """One that never ends is given up, and nobody else is to finish it."""
    monkeypatch.setattr(sys, "unraisablehook", lambda *_: None)
    given: list = []
    awaited = []

    async def endless():
        while True:
            try:
                yield 1
            except GeneratorExit:
                while True:
                    try:
                        awaited.append(await wait_on(Wait()))
                    except Evicted:
                        awaited.append("again")

    async def opens():
        if when == "running":
            await anext(endless())
        try:
            await wait_on(Wait())
        finally:
            if when == "disposing":
                await anext(endless())

    before = sys.get_asyncgen_hooks()
    sys.set_asyncgen_hooks(None, given.append)
    try:
        scheduler, _, _ = spawned(opens)
        scheduler.run()
        scheduler.dispose()
        assert sys.get_asyncgen_hooks() == (None, given.append)
    finally:
        sys.set_asyncgen_hooks(*before)
    assert awaited == ["again"] * DISPOSE_LIMIT
    assert given == []


def test_where_an_async_generator_waits_is_told_as_far_as_python_tells_it():
    async def program(log):
        async def generates():
            await event.wait()
            yield 1

        async def reads():
            async for _ in generates():
                pass

        event = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reads)
            await trio.sleep(1)
            (task,) = nursery.child_tasks
            log([frame.f_code.co_name for frame, _ in task.iter_await_frames()][:1])
            event.set()

    assert durably(program) == [["reads"]]
