"""Closing and opening again, in one process: what waits goes on, at once."""

from __future__ import annotations

import pytest
import trio
import trio_durable_proto as pb
from trio.testing import wait_all_tasks_blocked

from trio_durable._core import actions as ac
from trio_durable._core import events as ev
from trio_durable._core.events import Status
from trio_durable._errors import SidecarError
from trio_durable._rpc import GRPCError, RpcStatus
from trio_durable._wire.requests import Activity, ActivityResult
from trio_durable.sidecar import MemoryStore, open_sidecar

SECOND = 1_000_000_000
EPOCH = 1_700_000_000 * SECOND


def virtual_now() -> int:
    return EPOCH + int(trio.current_time() * SECOND)


class Keep(MemoryStore):
    """Survives `close`, as a file does; with virtual time there is no disk to wait for."""


@pytest.fixture
def life(worker_class, client_class, scripts):
    """One life of a sidecar on `store`: `async with life(store) as (worker, client)`."""

    class Life:
        def __init__(self, store, serve=True):
            self._store = store
            self._serve = serve

        async def __aenter__(self):
            self._sidecar = open_sidecar(store=self._store, now_ns=virtual_now)
            sidecar = await self._sidecar.__aenter__()
            self._manager = trio.open_nursery()
            self._nursery = await self._manager.__aenter__()
            worker = worker_class(sidecar.channel(), scripts)
            if self._serve:
                self._nursery.start_soon(worker.serve)
            return worker, client_class(sidecar.channel())

        async def __aexit__(self, *error):
            self._nursery.cancel_scope.cancel()
            await self._manager.__aexit__(*error)
            await self._sidecar.__aexit__(*error)

    return Life


def sleepy(events):
    begun = next(event.timestamp for event in events if isinstance(event, ev.OrchestratorStarted))
    if not any(isinstance(event, ev.TimerFired) for event in events):
        return [ac.CreateTimer(1, begun + 100 * SECOND)]
    return [ac.CompleteOrchestration(2, Status.COMPLETED, '"woken"')]


async def test_a_pending_instance_goes_on(autojump_clock, life):
    store = Keep()
    async with life(store, serve=False) as (_, client):
        await client.start("chain", "a", "1")
    async with life(store) as (_, client):
        state = await client.ended("a")
        assert (state.output, state.input) == ("1", "1")


async def test_timers_keep_their_time(autojump_clock, life, scripts):
    scripts["sleepy"] = sleepy
    store = Keep()
    async with life(store) as (_, client):
        await client.start("sleepy", "a")
        await client.start("sleepy", "b")
        await wait_all_tasks_blocked()
        begun = trio.current_time()
    async with life(store) as (_, client):
        await client.ended("a")
        assert 99 < trio.current_time() - begun < 101
    await trio.sleep(1000)
    assert store.recover().timers == []


async def test_a_timer_that_came_due_meanwhile_fires_at_once(autojump_clock, life, scripts):
    scripts["sleepy"] = sleepy
    store = Keep()
    async with life(store) as (_, client):
        await client.start("sleepy", "a")
        await wait_all_tasks_blocked()
    await trio.sleep(1000)
    async with life(store) as (_, client):
        reopened = trio.current_time()
        await client.ended("a")
        assert trio.current_time() - reopened < 1


async def test_a_scheduled_start_waits_on(autojump_clock, life):
    store = Keep()
    at = virtual_now() // SECOND + 500
    async with life(store) as (_, client):
        await client.start("chain", "a", scheduled_start_timestamp=pb.Timestamp(seconds=at))
    async with life(store) as (_, client):
        await wait_all_tasks_blocked()
        assert (await client.state("a")).status is Status.PENDING
        assert (await client.ended("a")).started_at >= at * SECOND


async def test_activities_that_were_not_answered_are_run_again(autojump_clock, life):
    store = Keep()
    async with life(store) as (worker, client):
        done = 0

        async def half(activity: Activity, token: str) -> None:
            nonlocal done
            if done < 2:
                done += 1
                await type(worker).answer_activity(worker, activity, token)

        worker.answer_activity = half
        await client.start("chain", "a", "1")
        await wait_all_tasks_blocked()
        assert len(store.recover().activities) == 1
    async with life(store) as (worker, client):
        await client.ended("a")
        assert len(worker.activities) == 1
        # The history was read back, and the worker saw all of it.
        assert sum(isinstance(event, ev.TaskCompleted) for event in worker.turns[-1].past + worker.turns[-1].new) == 3


async def test_duplicates_are_known_after_a_restart(autojump_clock, life, scripts):
    scripts["two"] = lambda events: [ac.ScheduleTask(1, "x"), ac.ScheduleTask(2, "x")]
    store = Keep()
    async with life(store) as (worker, client):
        worker.run_activity = lambda activity: ActivityResult(activity.instance_id, activity.task_id, "1")
        await client.start("two", "a")
        await wait_all_tasks_blocked()
    async with life(store) as (worker, client):
        await client.raise_event("a", "x")
        await wait_all_tasks_blocked()
        # A turn that asks again for what history holds is a turn that lost its way.
        scripts["two"] = lambda events: [ac.ScheduleTask(1, "x")]
        assert (await client.state("a")).status is Status.RUNNING


async def test_suspended_stalled_and_ended_instances_stay_what_they_are(autojump_clock, life, scripts):
    scripts["waits"] = lambda events: []
    scripts["other"] = lambda events: [ac.VersionNotAvailable(1)]
    store = Keep()
    async with life(store) as (_, client):
        for name, script in (("s", "waits"), ("v", "other"), ("e", "chain")):
            await client.start(script, name)
        await client.stub.suspend_instance(pb.SuspendRequest(instance_id="s"))
        ended = await client.ended("e")
        await wait_all_tasks_blocked()
        assert (await client.state("v")).status is Status.STALLED
    async with life(store) as (_, client):
        await wait_all_tasks_blocked()
        assert (await client.state("s")).status is Status.SUSPENDED
        assert (await client.state("v")).status is Status.STALLED
        assert await client.state("e") == ended
        await client.stub.resume_instance(pb.ResumeRequest(instance_id="s"))
        assert (await client.state("s")).status is Status.RUNNING
        scripts["other"] = lambda events: [ac.CompleteOrchestration(1, Status.COMPLETED)]
    async with life(store) as (_, client):
        assert (await client.ended("v")).status is Status.COMPLETED


class Failing(MemoryStore):
    def __init__(self, good):
        super().__init__()
        self.good = good

    def commit(self, changes):
        if self.commits >= self.good:
            raise OSError("no space left on device")
        super().commit(changes)


async def test_a_store_that_fails_stops_the_sidecar_and_nothing_unstored_is_acknowledged(client_class):
    store = Failing(good=1)
    answers = []

    async def block() -> None:
        async with open_sidecar(store=store) as sidecar:
            client = client_class(sidecar.channel())
            await client.start("x", "a")
            try:
                with trio.CancelScope(shield=True):
                    await client.start("x", "b")
            except GRPCError as error:
                answers.append(error)
            await trio.sleep_forever()

    with pytest.raises(SidecarError, match=r"the store failed \(OSError: no space left on device\)"):
        await block()
    assert answers[0].status is RpcStatus.UNAVAILABLE
    assert "no space left" in answers[0].message
    assert store.instance("a") is not None
    assert store.instance("b") is None


async def test_what_the_block_raises_comes_out_as_it_is():
    with pytest.raises(KeyError, match="mine"):
        async with open_sidecar():
            raise KeyError("mine")
