"""strict, best_effort and off, through a whole worker: for all of its orchestrators, and for one."""

from __future__ import annotations

import asyncio
import contextlib
import gc
import os
import sys
import time
import uuid

import pytest
import trio
from trio_durable_sandbox import SandboxWarning

from tests.patience import PATIENCE
from trio_durable import Client, OrchestrationStatus, Worker
from trio_durable.sidecar import open_sidecar

SEEN: list[str] = []


async def echo(ctx, value: int) -> int:
    return value


async def reads_a_setting(ctx, _: None) -> str | None:
    await ctx.call_activity(echo, input=1)
    return os.environ.get("SANDBOX_MODES")


async def swallows(ctx, _: None) -> str:
    with contextlib.suppress(Exception):
        os.getpid()
    return "alive"


async def values(ctx, _: None) -> list[object]:
    """The clock and an id, before and after a replay."""
    before = str(uuid.uuid4())
    await ctx.call_activity(echo, input=1)
    return [before, str(uuid.uuid4()), time.time_ns()]


async def leaves_a_task(ctx, _: None) -> list[object]:
    tasks = [asyncio.create_task(wrapped(ctx, value)) for value in range(3)]
    future = asyncio.ensure_future(wrapped(ctx, 3))
    return [await task for task in tasks] + [await future, tasks[0].done()]


async def wrapped(ctx, value: int) -> int:
    return await ctx.call_activity(echo, input=value)


async def names_its_frame(ctx, _: None) -> list[object]:
    import inspect

    frame = sys._getframe()
    return [frame.f_code.co_name, inspect.currentframe().f_code.co_name, inspect.stack()[0].function]


async def keeps(ctx, _: None) -> int:
    SEEN.append("x")
    await ctx.call_activity(echo, input=1)
    return len(SEEN)


EVERYTHING = [reads_a_setting, swallows, values, leaves_a_task, names_its_frame, keeps]


@pytest.fixture
async def run(monkeypatch):
    """Runs an orchestrator on a worker of a mode; `own` is the mode of the orchestrator alone."""
    monkeypatch.setenv("SANDBOX_MODES", "the host's")
    SEEN.clear()

    async def run(function, mode, own=None):
        async with open_sidecar(":memory:") as sidecar:
            worker = Worker(sidecar.channel(), sandbox=mode, max_cached_instances=0)
            worker.add_activity(echo)
            for each in EVERYTHING:
                worker.add_orchestrator(each, sandbox=own if each is function else None)
            async with trio.open_nursery() as nursery, Client(sidecar.channel()) as client:
                await nursery.start(worker.serve)
                instance = await client.schedule_new_orchestration(function, input=None)
                state = await client.wait_for_orchestration_completion(instance, timeout=PATIENCE)
                nursery.cancel_scope.cancel()
        return state

    return run


@pytest.mark.parametrize(("mode", "own"), [("strict", None), ("best_effort", "strict"), ("off", "strict")])
@pytest.mark.parametrize(
    ("function", "api"),
    [(reads_a_setting, "os.environ"), (swallows, "os.getpid"), (leaves_a_task, "asyncio.create_task")],
)
async def test_strict_fails_the_orchestration_and_names_the_api(run, mode, own, function, api):
    state = await run(function, mode, own)
    assert state.runtime_status is OrchestrationStatus.FAILED
    assert state.failure_details.error_type.endswith("SandboxViolationError")
    assert state.failure_details.error_message.startswith(f"{api} is not deterministic")
    assert __file__ in state.failure_details.error_message


@pytest.mark.parametrize(("mode", "own"), [("best_effort", None), ("strict", "best_effort"), ("off", "best_effort")])
@pytest.mark.parametrize(
    ("function", "api", "output"),
    [
        (reads_a_setting, r"os\.environ", "the host's"),
        (swallows, r"os\.getpid", "alive"),
        (leaves_a_task, r"asyncio\.(create_task|ensure_future)", [0, 1, 2, 3, True]),
        (names_its_frame, r"sys\._getframe|inspect\.", ["names_its_frame"] * 3),
    ],
)
async def test_best_effort_warns_at_the_place_and_goes_on(run, mode, own, function, api, output):
    with pytest.warns(SandboxWarning, match=api) as warned:
        state = await run(function, mode, own)
    assert state.get_output() == output
    # Others may be of what an earlier test left to the collector.
    assert {each.filename for each in warned if issubclass(each.category, SandboxWarning)} == {__file__}


async def test_best_effort_has_the_values_of_strict(run):
    for mode in ("strict", "best_effort"):
        state = await run(values, mode)  # replayed after the activity: other values would have made it fail
        assert state.runtime_status is OrchestrationStatus.COMPLETED
        before, after, stamp = state.get_output()
        assert before != after
        assert state.created_at.timestamp() <= stamp / 1e9 + 1
    state = await run(keeps, "best_effort")
    assert (state.get_output(), SEEN) == (1, [])


@pytest.mark.parametrize(("mode", "own"), [("off", None), ("strict", "off"), ("best_effort", "off")])
async def test_off_is_the_function_as_the_host_has_it(run, mode, own):
    """Its module is the host's, which every turn changes again; the host's answers come through without a word."""
    assert (await run(reads_a_setting, mode, own)).get_output() == "the host's"
    assert (await run(swallows, mode, own)).get_output() == "alive"
    state = await run(keeps, mode, own)
    assert state.get_output() == len(SEEN) == 2


@pytest.mark.filterwarnings("ignore:coroutine 'wrapped' was never awaited")
async def test_off_has_the_real_asyncio(run):
    state = await run(leaves_a_task, "off")
    assert state.runtime_status is OrchestrationStatus.FAILED
    assert "no running event loop" in state.failure_details.error_message
    gc.collect()  # the coroutine that nobody awaited is told of here, and not in another test


def test_an_unknown_mode_is_refused_when_the_worker_is_made():
    with pytest.raises(ValueError, match="strict, best_effort, off"):
        Worker("localhost:1", sandbox="loose")


def test_an_unknown_mode_of_one_orchestrator_is_refused_when_it_is_added():
    with pytest.raises(ValueError, match="strict, best_effort, off"):
        Worker("localhost:1").add_orchestrator(values, sandbox="loose")
