"""The test environment: virtual time, fakes, and what it says when a test is stuck."""

from __future__ import annotations

from datetime import timedelta

import pytest

from tests.testing import shop
from trio_durable import NonDeterminismError, NotRegisteredError, OrchestrationFailedError, OrchestrationStatus, Worker
from trio_durable.testing import ReplayDisagreementError, StuckError, TurnTooLongError, open_test_environment, pair


async def test_an_orchestration_from_start_to_end(durable_environment):
    env = durable_environment
    order = env.schedule(shop.fulfil, input=shop.Order("tea", 2))
    await env.settle()
    assert order.custom_status == {"charged": "receipt 2"}
    assert order.status is OrchestrationStatus.RUNNING
    order.raise_event("Approve", True)
    assert await order.result() == "parcel of tea"
    assert [call.name for call in env.calls()] == ["reserve", "charge", "ship"]
    assert env.calls(shop.charge)[0].result == "receipt 2"
    assert order.state.get_input(shop.Order) == shop.Order("tea", 2)


async def test_a_month_takes_no_time(durable_environment):
    env = durable_environment
    before = env.now
    assert await env.run(shop.fulfil, input=shop.Order("tea", 1)) == "refunded"
    assert timedelta(days=30) <= env.now - before < timedelta(days=30, seconds=1)


async def test_time_passes_when_it_is_told_to(durable_environment):
    env = durable_environment
    order = env.schedule(shop.generator, input=2)
    await env.advance(timedelta(minutes=59))
    assert order.status is OrchestrationStatus.RUNNING
    await env.advance(61)
    assert order.status is OrchestrationStatus.COMPLETED
    with pytest.raises(ValueError, match="backwards"):
        await env.advance(-1)


async def test_turns_take_no_time_that_counts(durable_environment):
    """Turns move the clock a little, so that no two have one time; `advance` goes as far as it says beyond that."""
    env = durable_environment
    env.fake(shop.ship, takes=3600)
    instance = env.schedule(shop.quick, input=shop.Order("tea", 1))
    await env.advance(3599)
    assert instance.status is OrchestrationStatus.RUNNING
    await env.advance(1)
    assert await instance.result() == "parcel of tea"
    again = env.schedule(shop.counts_down, input=5)
    await env.advance(5)
    assert again.custom_status is None
    assert again.status is OrchestrationStatus.COMPLETED


async def test_an_activity_that_nobody_has_is_an_error_of_the_test():
    worker = Worker("nowhere")
    worker.add_orchestrator(shop.quick)
    async with open_test_environment(worker) as env:
        env.fake(shop.ship, takes=1)
        with pytest.raises(NotRegisteredError, match=r"'quick-1' calls activity 'ship', which is not there: register"):
            await env.run(shop.quick, input=shop.Order("tea", 1))
    async with open_test_environment(worker) as env:
        env.fake(shop.ship, fails_on=True)
        assert await env.run(shop.quick, input=shop.Order("tea", 1)) == "lost"


async def test_fakes(durable_environment):
    env = durable_environment
    env.fake(shop.reserve, lambda order: order["count"] == 50)
    env.fake(shop.charge, fails_on=[1, 2], error=ConnectionError("busy"), takes=5)
    env.fake("ship", returns="by post", takes=timedelta(days=2))
    order = env.schedule(shop.fulfil, input=shop.Order("tea", 50))
    order.raise_event("approve", True)
    before = env.now
    assert await order.result() == "by post"
    # Three charges of 5 s each, two waits of 10 s between them, two days for the parcel.
    assert timedelta(days=2, seconds=35) <= env.now - before < timedelta(days=2, seconds=36)
    assert [call.failure is not None for call in env.calls("charge")] == [True, True, False]


async def test_the_real_activity_with_one_failure(durable_environment):
    durable_environment.fake(shop.ship, fails_on=2, error=OSError("no van"))
    assert await durable_environment.run(shop.fulfil_all, input=3) == ["parcel of item 0", "lost", "parcel of item 2"]


async def test_failures_come_out(durable_environment):
    durable_environment.fake(shop.reserve, error=KeyError("tea"))
    with pytest.raises(OrchestrationFailedError, match="KeyError"):
        await durable_environment.run(shop.fulfil, input=shop.Order("tea", 1))


async def test_an_activity_that_never_answers(durable_environment):
    env = durable_environment
    env.fake(shop.ship, never=True)
    order = env.schedule(shop.quick, input=shop.Order("tea", 1))
    with pytest.raises(StuckError, match=r"activity 'ship' \(#1\) was called and has not answered"):
        await order.completion()


async def test_a_stuck_test_says_who_waits(durable_environment):
    with pytest.raises(StuckError, match="waits for external event 'go'"):
        await durable_environment.run(shop.waits)


async def test_suspend_resume_terminate(durable_environment):
    env = durable_environment
    first, second = env.schedule(shop.waits), env.schedule(shop.waits, instance_id="second")
    await env.settle()
    first.suspend()
    first.raise_event("go", 0)
    second.terminate("enough")
    await env.settle()
    assert first.status is OrchestrationStatus.SUSPENDED
    with pytest.raises(StuckError, match="resume it"):
        await first.completion()
    first.resume()
    assert await first.result() == 0
    assert (await second.completion()).runtime_status is OrchestrationStatus.TERMINATED
    assert second.state.get_output() == "enough"


async def test_children_and_generations(durable_environment):
    env = durable_environment
    parent = env.schedule(shop.fulfil_all, input=2, instance_id="p")
    env.crash_worker()
    assert await parent.result() == ["parcel of item 0", "parcel of item 1"]
    assert [each.instance_id for each in env.instances] == ["p", "p:0001", "p:0002"]
    assert env.instance("p:0002").state.parent_instance_id == "p"
    assert await env.run(shop.counts_down, input=5) == "lift off"


async def test_unknown_things_are_named(durable_environment):
    with pytest.raises(LookupError, match="no instance 'x'"):
        durable_environment.instance("x")
    with pytest.raises(ValueError, match="no orchestrator 'nobody'"):
        durable_environment.schedule("nobody")


calls = 0


async def drifts(ctx):
    global calls
    calls += 1
    return await ctx.call_activity(shop.charge, input=calls)


async def test_what_drifts_between_replays_is_shown():
    worker = Worker("nowhere", sandbox="off")
    worker.add_orchestrator(drifts)
    with pytest.raises(ReplayDisagreementError, match=r"- from history: #1 call activity 'charge' with \d+"):
        async with open_test_environment(worker) as env:
            await env.run(drifts)


async def peeks(ctx):
    open("/etc/hostname")  # noqa: SIM115


async def test_a_violation_is_the_tests_error():
    with pytest.raises(NonDeterminismError, match="open is not deterministic"):
        async with open_test_environment([peeks]) as env:
            await env.run(peeks)


async def loops(ctx):
    while True:
        pass


async def restarts(ctx):
    ctx.continue_as_new()


async def test_endless_loops_are_stopped(monkeypatch):
    monkeypatch.setattr(pair, "TURN_SECONDS", 1.0)
    with pytest.raises(TurnTooLongError, match=r"test_environment\.py"):
        async with open_test_environment([loops]) as env:
            await env.run(loops)
    with pytest.raises(TurnTooLongError, match="continued as new"):
        async with open_test_environment([restarts]) as env:
            await env.run(restarts)
