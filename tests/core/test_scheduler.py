"""The scheduler and the futures, by themselves."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_durable._core.futures import DurableFuture, when_all, when_any
from trio_durable._core.scheduler import Evicted, Scheduler, checkpoint


def run_tasks(*coros):
    scheduler = Scheduler()
    ends = []
    for number, coro in enumerate(coros):
        scheduler.spawn(coro, str(number), lambda value, error: ends.append(error if error is not None else value))
    scheduler.run()
    return scheduler, ends


def test_tasks_run_first_in_first_out():
    trace = []

    async def walk(name):
        for step in range(3):
            trace.append((name, step))
            await checkpoint()

    run_tasks(walk("a"), walk("b"), walk("c"))
    assert trace == [(name, step) for step in range(3) for name in "abc"]


def test_a_task_woken_twice_runs_once():
    trace = []
    future: DurableFuture[int] = DurableFuture("f", 1)

    async def wait():
        trace.append(await future)

    scheduler, _ = run_tasks(wait())
    future.complete(1)
    future.complete(2)
    future.fail(ValueError())
    scheduler.run()
    assert trace == [1]


def test_errors_go_to_on_exit_and_keyboard_interrupt_to_the_host():
    async def bad():
        raise LookupError("x")

    async def quits():
        raise SystemExit(3)

    async def interrupted():
        raise KeyboardInterrupt

    _, ends = run_tasks(bad(), quits())
    assert [type(end) for end in ends] == [LookupError, SystemExit]
    with pytest.raises(KeyboardInterrupt):
        run_tasks(interrupted())


def test_disposing_ends_even_what_does_not_want_to_end():
    trace = []

    async def polite():
        try:
            await DurableFuture("never", 1)
        finally:
            trace.append("polite")

    async def stubborn():
        for _ in range(3):
            try:
                await DurableFuture("never", 2)
            except Evicted:
                trace.append("again")

    scheduler, ends = run_tasks(polite(), stubborn())
    scheduler.dispose()
    assert trace == ["again"] * 3 + ["polite"]
    assert ends == []


def test_futures_have_no_truth_value_and_no_address():
    future: DurableFuture[int] = DurableFuture("activity 'a'", 1)
    with pytest.raises(TypeError, match="await"):
        bool(future)
    assert repr(future) == "<DurableFuture activity 'a': pending>"
    with pytest.raises(RuntimeError, match="await it first"):
        future.get_result()


def test_hashes_are_the_same_everywhere():
    futures = [DurableFuture(str(n), n) for n in range(5)]
    assert [hash(f) for f in futures] == list(range(5))
    assert hash(when_all(futures[:2])) == hash((0, 1))


@given(st.permutations(range(5)), st.sets(st.integers(0, 4)))
def test_when_all_keeps_order_or_fails_with_the_first_failure(order, failing):
    futures: list[DurableFuture[int]] = [DurableFuture(str(n), n) for n in range(5)]
    combined = when_all(futures)
    first_failure = None
    for n in order:
        assert combined.is_complete == (first_failure is not None)
        if n in failing:
            first_failure = n if first_failure is None else first_failure
            futures[n].fail(ValueError(n))
        else:
            futures[n].complete(n)
    if first_failure is None:
        assert combined.get_result() == list(range(5))
    else:
        assert combined.get_exception().args == (first_failure,)


@given(st.permutations(range(4)), st.integers(0, 4))
def test_when_any_gives_the_first_outcome_or_the_first_listed(order, done_before):
    futures: list[DurableFuture[int]] = [DurableFuture(str(n), n) for n in range(4)]
    for n in order[:done_before]:
        futures[n].complete(n)
    combined = when_any(futures)
    for n in order[done_before:]:
        futures[n].complete(n)
    expected = min(order[:done_before]) if done_before else order[0]
    assert combined.get_result() is futures[expected]


def test_coroutines_are_pointed_to_the_context():
    async def helper():
        pass

    coro = helper()
    with pytest.raises(TypeError, match=r"ctx\.when_all"):
        when_all([coro])
    coro.close()


def test_what_is_put_off_while_nothing_runs_is_called_in_the_next_run():
    scheduler = Scheduler()
    called = []
    scheduler.put_off(lambda: called.append("now"))
    scheduler.run()
    assert called == ["now"]
