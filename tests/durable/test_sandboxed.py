"""End to end: orchestrations in their sandbox, replayed from history at every turn, on the embedded sidecar."""

from __future__ import annotations

import asyncio

import pytest
import trio
import trio.lowlevel
from trio import CancelScope, move_on_after
from trio.lowlevel import checkpoint

from tests.patience import PATIENCE
from trio_durable import Client, Worker
from trio_durable.sidecar import open_sidecar


async def echo(ctx, value: int) -> int:
    await trio.sleep(value / 1000)  # an activity: the real Trio
    return value


async def nurseries(ctx, count: int) -> list[int]:
    results: list[int] = []

    async def one(value: int, *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED) -> None:
        task_status.started()
        results.append(await ctx.call_activity(echo, input=value))

    async with trio.open_nursery() as nursery:
        for value in range(count):
            nursery.start_soon(one, value)
        await nursery.start(one, count)
    await checkpoint()
    await trio.lowlevel.checkpoint()
    return sorted(results)


async def timeouts(ctx, _: None) -> list[object]:
    with move_on_after(0.05) as scope:
        await ctx.wait_for_external_event("never")
    with CancelScope(deadline=trio.current_time() + 0.05) as second:
        await trio.sleep_forever()
    try:
        with trio.fail_after(0.01):
            await trio.sleep(60)
    except trio.TooSlowError:
        return [scope.cancelled_caught, second.cancelled_caught, "too slow"]


async def with_asyncio(ctx, count: int) -> list[object]:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(wrapped(ctx, value)) for value in range(count)]
    first = await asyncio.gather(ctx.call_activity(echo, input=7), wrapped(ctx, 8))
    try:
        await asyncio.wait_for(ctx.wait_for_external_event("never"), 0.02)
    except TimeoutError:
        return [[task.result() for task in tasks], first, "timeout"]


async def wrapped(ctx, value: int) -> int:
    async with asyncio.timeout(60):
        return await ctx.call_activity(echo, input=value)


async def leaks_a_task(ctx, _: None) -> None:
    asyncio.create_task(wrapped(ctx, 1))  # noqa: RUF006


async def opens_a_socket(ctx, _: None) -> None:
    await trio.open_tcp_stream("localhost", 1)


async def uses_a_thread(ctx, _: None) -> None:
    await trio.to_thread.run_sync(len, "x")


async def runs_a_loop(ctx, _: None) -> None:
    trio.run(checkpoint)


async def swallows(ctx, _: None) -> str:
    try:
        trio.lowlevel.spawn_system_task(checkpoint)
    except Exception:
        return "swallowed"


async def sets_of_tasks(ctx, count: int) -> list[object]:
    found: list[object] = []
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(wrapped(ctx, value), name=str(value)) for value in range(count)]
        assert [task.get_name() for task in asyncio.all_tasks()][1:] == [str(value) for value in range(count)]
        done, _ = await asyncio.wait(tasks)
        found += [task.result() for task in done]
    done, _ = await asyncio.wait({ctx.call_activity(echo, input=value) for value in range(count)})
    for future in done:
        found.append(future.get_result())
    async with trio.open_nursery() as nursery:
        for value in range(count):
            nursery.start_soon(trio.sleep, 0, name=str(value))
        return [*found, *(task.name for task in nursery.child_tasks)]


async def a_callback_raises(ctx, _: None) -> None:
    async with asyncio.TaskGroup() as group:
        group.create_task(wrapped(ctx, 1)).add_done_callback(lambda done: done.result() / 0)


async def an_abort_function_raises(ctx, _: None) -> None:
    def abort(raise_cancel):
        raise ZeroDivisionError("division by zero")

    with trio.move_on_after(0.01):
        await trio.lowlevel.wait_task_rescheduled(abort)


async def uses_trios_testing(ctx, _: None) -> None:
    import trio.testing

    trio.testing.MockClock()


@pytest.fixture(params=[0, 100], ids=["replayed", "kept"])
async def run(request):
    async with open_sidecar(":memory:") as sidecar:
        worker = Worker(sidecar.channel(), max_cached_instances=request.param)
        for function in (
            nurseries, timeouts, with_asyncio, leaks_a_task, opens_a_socket, uses_a_thread, runs_a_loop, swallows,
            sets_of_tasks, a_callback_raises, an_abort_function_raises, uses_trios_testing,
        ):  # fmt: skip
            worker.add_orchestrator(function)
        worker.add_activity(echo)
        async with trio.open_nursery() as nursery, Client(sidecar.channel()) as client:
            await nursery.start(worker.serve)

            async def run(function, value=None):
                instance = await client.schedule_new_orchestration(function, input=value)
                return await client.wait_for_orchestration_completion(instance, timeout=PATIENCE)

            yield run
            nursery.cancel_scope.cancel()


async def test_nurseries(run):
    assert (await run(nurseries, 20)).get_output() == list(range(21))


async def test_timeouts(run):
    assert (await run(timeouts)).get_output() == [True, True, "too slow"]


async def test_asyncio(run):
    assert (await run(with_asyncio, 3)).get_output() == [[0, 1, 2], [7, 8], "timeout"]


async def test_sets_of_tasks_have_an_order(run):
    numbers = list(range(5))
    assert (await run(sets_of_tasks, 5)).get_output() == [*numbers, *numbers, *map(str, numbers)]


@pytest.mark.parametrize("function", [a_callback_raises, an_abort_function_raises])
async def test_what_raises_where_no_task_can_be_told_fails_the_orchestration(run, function):
    failure = (await run(function)).failure_details
    assert (failure.error_type, failure.error_message) == ("ZeroDivisionError", "division by zero")


@pytest.mark.parametrize(
    ("function", "api", "remedy"),
    [
        (leaks_a_task, "asyncio.create_task", "TaskGroup"),
        (opens_a_socket, "trio.open_tcp_stream", "activity"),
        (uses_a_thread, "trio.to_thread.run_sync", "activities"),
        (runs_a_loop, "trio.run", "await"),
        (swallows, "trio.lowlevel.spawn_system_task", "activity"),
        (uses_trios_testing, "trio.testing.MockClock", "trio_durable.testing"),
    ],
)
async def test_what_cannot_be_durable_is_refused_with_its_remedy(run, function, api, remedy):
    failure = (await run(function)).failure_details
    assert failure.error_type.endswith("SandboxViolationError")
    assert api in failure.error_message
    assert remedy in failure.error_message.partition("Instead: ")[2]
