"""Orchestrations that no sandbox keeps from the real Trio: a clear error, an unharmed worker, and the durable one."""

from __future__ import annotations

import signal

import pytest
import trio

from tests.patience import PATIENCE
from trio_durable import Client, OrchestrationStatus, Worker, durable_trio
from trio_durable._durable.vocabulary import Hidden
from trio_durable.sidecar import open_sidecar


def echo(ctx, value: int) -> int:
    return value


async def real_scope(ctx, _: None) -> None:
    with trio.move_on_after(0):  # on the worker's task, this would cancel the worker
        await ctx.wait_for_external_event("never")


async def real_nursery(ctx, _: None) -> None:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(ctx.call_activity, echo)


async def real_sleep(ctx, _: None) -> None:
    await trio.sleep(0.01)


async def real_clock(ctx, _: None) -> float:
    return trio.current_time()


async def real_checkpoint(ctx, _: None) -> None:
    await trio.lowlevel.checkpoint()


async def real_task(ctx, _: None) -> str:
    return trio.lowlevel.current_task().name


async def durable(ctx, count: int) -> list[object]:
    results: dict[int, int] = {}

    async def one(number: int) -> None:
        results[number] = await ctx.call_activity(echo, input=number)

    async with durable_trio.open_nursery() as nursery:
        for number in range(count):
            nursery.start_soon(one, number)
    with durable_trio.move_on_after(0.01) as scope:
        await durable_trio.sleep_forever()
    return [sorted(results), scope.cancelled_caught]


REAL = [real_scope, real_nursery, real_sleep, real_clock, real_checkpoint, real_task]


@pytest.fixture
async def client():
    async with open_sidecar(":memory:") as sidecar:
        worker = Worker(sidecar.channel(), sandbox="off")
        for function in (*REAL, durable):
            worker.add_orchestrator(function)
        worker.add_activity(echo)
        async with trio.open_nursery() as nursery, Client(sidecar.channel()) as client:
            await nursery.start(worker.serve)
            yield client
            nursery.cancel_scope.cancel()


async def end_of(client, function, value=None):
    instance = await client.schedule_new_orchestration(function, input=value)
    return await client.wait_for_orchestration_completion(instance, timeout=PATIENCE)


@pytest.mark.parametrize("function", REAL)
async def test_the_real_trio_is_told_apart_and_the_worker_unharmed(client, function):
    state = await end_of(client, function)
    assert state.runtime_status is OrchestrationStatus.FAILED
    assert "the real" in state.failure_details.error_message
    assert "durable_trio" in state.failure_details.error_message
    assert (await end_of(client, durable, 3)).get_output() == [[0, 1, 2], True]


def test_what_the_durable_trio_lacks_is_said():
    with pytest.raises(AttributeError, match=r"no 'open_file'.*activity"):
        durable_trio.open_file  # noqa: B018
    assert durable_trio.TooSlowError is trio.TooSlowError


# -- the seam: what vocabulary.py relies on ----------------------------------------------------------------------------


async def test_the_running_task_is_hidden_and_found_again():
    task = trio.lowlevel.current_task()
    with Hidden():
        for call in (trio.current_time, trio.current_effective_deadline, trio.CancelScope().__enter__):
            with pytest.raises(RuntimeError, match="the real Trio was called inside an orchestration"):
                call()
        with pytest.raises(RuntimeError):
            trio.run(trio.sleep, 0)
        with Hidden():
            pass
        with pytest.raises(RuntimeError, match="the real Trio"):
            trio.current_time()
    assert trio.lowlevel.current_task() is task
    await trio.lowlevel.checkpoint()


def test_outside_of_trio_nothing_is_hidden():
    with Hidden():
        assert not trio.lowlevel.in_trio_run()
    assert not trio.lowlevel.in_trio_run()


def test_an_interrupt_is_raised_where_the_code_stands():
    """Trio's handler of SIGINT asks the running task whether it may."""

    async def main() -> str:
        try:
            with Hidden():
                signal.raise_signal(signal.SIGINT)
        except KeyboardInterrupt:
            return "interrupted"
        return "not yet"

    # Whoever starts the tests in the background may have had SIGINT ignored; Trio handles it where Python does.
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    try:
        assert trio.run(main) == "interrupted"
    finally:
        signal.signal(signal.SIGINT, before)
