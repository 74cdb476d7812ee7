"""The worker against a hub that the test plays by hand."""

from __future__ import annotations

import threading

import pytest
import trio
import trio.testing

from tests.patience import PATIENCE
from trio_durable import JsonConverter, NonRetryableError, Worker
from trio_durable._core import events as ev
from trio_durable._rpc import GRPCError, RpcStatus, WorkStub
from trio_durable._wire.requests import activity_result_from_pb, turn_result_from_pb


async def echo(ctx, value: int) -> int:
    return value


def double(ctx, value: int) -> int:
    return value * 2


async def call_double(ctx, value: int):
    return await ctx.call_activity(double, input=value)


def gen_double(ctx, value: int):
    result = yield ctx.call_activity(double, input=value)
    return result + 1


def bad_result(ctx):
    return object()


def refuses(ctx):
    raise NonRetryableError("never")


async def returns_object(ctx):
    return object()


class Serving:
    def __init__(self, nursery, channel, **options):
        self.worker = Worker(channel, **options)
        self.nursery = nursery

    async def __aenter__(self):
        await self.nursery.start(self.worker.serve)
        return self.worker

    async def __aexit__(self, *exc):
        self.nursery.cancel_scope.cancel()


def serving(nursery, channel, *, orchestrators=(), activities=(), **options):
    it = Serving(nursery, channel, **options)
    for function in orchestrators:
        it.worker.add_orchestrator(function)
    for function in activities:
        it.worker.add_activity(function)
    return it


async def next_turn(hub):
    with trio.fail_after(PATIENCE):
        return turn_result_from_pb(await hub.answers.receive())


async def next_result(hub):
    with trio.fail_after(PATIENCE):
        return activity_result_from_pb(await hub.answers.receive())


@pytest.mark.parametrize(("flow", "result"), [(call_double, "10"), (gen_double, "11")])
async def test_a_turn_and_the_next(nursery, hub, channel, flow, result):
    async with serving(nursery, channel, orchestrators=[flow], activities=[double]):
        hub.start(flow.__name__, "5")
        answer = await next_turn(hub)
        (action,) = answer.actions
        assert (answer.completion_token, action.id, action.name, action.input) == ("t", 1, "double", "5")
        past = (
            ev.OrchestratorStarted(-1, 10**18),
            ev.ExecutionStarted(-1, 10**18, flow.__name__, "5", "i", "e"),
            ev.TaskScheduled(1, 10**18, "double", "5", None, action.task_execution_id),
        )
        hub.turn(ev.TaskCompleted(-1, 10**18, 1, "10"), past=past)
        (end,) = (await next_turn(hub)).actions
        assert (end.status, end.result) == (ev.Status.COMPLETED, result)


@pytest.mark.parametrize(("function", "result"), [(echo, "21"), (double, "42")])
async def test_activities_run_in_tasks_or_threads(nursery, hub, channel, function, result):
    async with serving(nursery, channel, activities=[function]):
        hub.activity(function.__name__, "21")
        assert (await next_result(hub)).result == result


async def test_plain_activities_run_beside_each_other_up_to_the_limit(nursery, hub, channel):
    running, most, gate, lock = 0, 0, threading.Event(), threading.Lock()

    def slow(ctx):
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
            if running == 3:
                gate.set()
        assert gate.wait(PATIENCE)
        with lock:
            running -= 1

    async with serving(nursery, channel, activities=[slow], max_concurrent_activities=3):
        for number in range(9):
            hub.activity("slow", task_id=number)
        assert {(await next_result(hub)).task_id for _ in range(9)} == set(range(9))
    assert most == 3


@pytest.mark.parametrize(
    ("name", "payload", "kind", "words"),
    [
        ("nope", None, "trio_durable.NotRegisteredError", "has no activity 'nope'"),
        ("double", '"five"', "trio_durable.PayloadError", "the input of activity 'double'"),
        ("double", "{", "trio_durable.PayloadError", "not valid JSON"),
        ("bad_result", None, "trio_durable.PayloadError", "the result of activity 'bad_result'"),
        ("refuses", None, "trio_durable.NonRetryableError", "never"),
    ],
)
async def test_bad_activities_fail_clearly(nursery, hub, channel, name, payload, kind, words):
    async with serving(nursery, channel, activities=[double, bad_result, refuses]):
        hub.activity(name, payload)
        failure = (await next_result(hub)).failure
        assert failure.error_type == kind
        assert words in failure.error_message
        assert failure.non_retriable is (name == "refuses")


@pytest.mark.parametrize(
    ("name", "payload", "kind", "words"),
    [
        ("nope", None, "trio_durable.NotRegisteredError", "has no orchestrator 'nope'"),
        ("call_double", "{", "trio_durable.PayloadError", "the input of orchestration 'call_double'"),
        ("returns_object", None, "trio_durable.PayloadError", "the result of orchestration 'returns_object'"),
    ],
)
async def test_bad_orchestrations_fail_clearly(nursery, hub, channel, name, payload, kind, words):
    async with serving(nursery, channel, orchestrators=[call_double, returns_object], activities=[double]):
        hub.start(name, payload)
        (action,) = (await next_turn(hub)).actions
        assert action.status is ev.Status.FAILED
        assert action.failure.error_type == kind
        assert words in action.failure.error_message


async def test_a_stream_that_ends_is_opened_again(nursery, hub, channel, autojump_clock, caplog):
    async with serving(nursery, channel, activities=[echo]):
        hub.put.send_nowait(None)
        hub.activity("echo", "1")
        assert (await next_result(hub)).result == "1"
        assert hub.streams == 2
    assert "trying again in 0.2 s" in caplog.text


async def test_an_answer_survives_a_sidecar_that_is_away(nursery, hub, channel, autojump_clock):
    hub.errors = [GRPCError(RpcStatus.UNAVAILABLE, "away")] * 4
    async with serving(nursery, channel, activities=[echo]):
        hub.activity("echo", "1")
        assert (await next_result(hub)).result == "1"


async def test_too_large_an_answer_fails_the_work_instead_of_looping(nursery, hub, channel):
    """Seed defect 15."""
    async with serving(nursery, channel, orchestrators=[call_double], activities=[double]):
        hub.errors = [GRPCError(RpcStatus.RESOURCE_EXHAUSTED, "too large")]
        hub.activity("double", "1")
        assert (await next_result(hub)).failure.error_type == "ResourceExhausted"
        hub.errors = [GRPCError(RpcStatus.RESOURCE_EXHAUSTED, "too large")]
        hub.start("call_double", "1")
        (action,) = (await next_turn(hub)).actions
        assert (action.id, action.status) == (-1, ev.Status.FAILED)


class Odd(JsonConverter):
    """Writes what no message can hold."""

    def to_json(self, value):
        return "\ud800" if value == 2 else super().to_json(value)


async def test_an_answer_that_no_message_can_hold_fails_the_work_and_not_the_worker(nursery, hub, channel):
    async with serving(nursery, channel, orchestrators=[call_double], activities=[double], converter=Odd()):
        hub.activity("double", "1")
        failure = (await next_result(hub)).failure
        assert (failure.error_type, failure.non_retriable) == ("trio_durable.PayloadError", True)
        assert failure.error_message.startswith("the answer to activity 'double' of instance")
        assert "ActivityResponse.result: '\\ud800' holds a lone surrogate" in failure.error_message
        hub.start("call_double", "2")
        (action,) = (await next_turn(hub)).actions
        assert (action.id, action.status, action.failure.error_type) == (-1, ev.Status.FAILED, failure.error_type)
        hub.activity("double", "3", task_id=3)
        assert (await next_result(hub)).result == "6"


async def test_an_answer_that_stays_too_large_does_not_end_the_worker(nursery, hub, channel, caplog):
    async with serving(nursery, channel, activities=[double]):
        hub.errors = [GRPCError(RpcStatus.RESOURCE_EXHAUSTED, "too large")] * 2
        hub.activity("double", "1")
        with trio.fail_after(PATIENCE):
            while hub.errors:
                await trio.lowlevel.checkpoint()
        hub.activity("double", "3", task_id=3)
        assert (await next_result(hub)).task_id == 3
    assert "did not take the answer to activity 'double'" in caplog.text


async def test_an_activity_counts_until_its_answer_is_taken(nursery, hub, channel, autojump_clock):
    """So a killed worker leaves at most as many unknown runs as it may have at a time."""
    ran = []

    async def notes(ctx):
        ran.append(ctx.task_id)

    hub.errors = [GRPCError(RpcStatus.UNAVAILABLE, "away")] * 3
    async with serving(nursery, channel, activities=[notes], max_concurrent_activities=1):
        hub.activity("notes", task_id=1)
        hub.activity("notes", task_id=2)
        await trio.testing.wait_all_tasks_blocked()
        assert ran == [1]
        assert [(await next_result(hub)).task_id for _ in range(2)] == [1, 2]


async def test_cancelling_lets_running_activities_end_and_sends_their_answers(hub, channel):
    begun, release = trio.Event(), trio.Event()

    async def slow(ctx):
        begun.set()
        await release.wait()
        return "done"

    worker = Worker(channel, drain_seconds=30)
    worker.add_activity(slow)
    async with trio.open_nursery() as nursery:
        await nursery.start(worker.serve)
        hub.activity("slow")
        await begun.wait()
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            release.set()
    assert (await next_result(hub)).result == '"done"'


async def test_cancelling_gives_up_on_activities_that_do_not_end(hub, channel, autojump_clock):
    begun = trio.Event()

    async def stuck(ctx):
        begun.set()
        await trio.sleep_forever()

    worker = Worker(channel, drain_seconds=3)
    worker.add_activity(stuck)
    start = trio.current_time()
    async with trio.open_nursery() as nursery:
        await nursery.start(worker.serve)
        hub.activity("stuck")
        await begun.wait()
        nursery.cancel_scope.cancel()
    assert trio.current_time() - start == pytest.approx(3)


async def test_an_interrupt_is_not_lost_wherever_it_hits(hub, channel, autojump_clock, monkeypatch):
    begun = trio.Event()

    async def stuck(ctx):
        begun.set()
        await trio.sleep_forever()

    original = WorkStub.work_items

    async def interrupted(self, request):
        try:
            async for item in original(self, request):
                yield item
        finally:
            raise KeyboardInterrupt  # as if the signal came here: its place is the handling of a Cancelled

    monkeypatch.setattr(WorkStub, "work_items", interrupted)
    worker = Worker(channel, drain_seconds=300)
    worker.add_activity(stuck)
    start = trio.current_time()
    with pytest.raises(BaseExceptionGroup) as raised:  # noqa: PT012
        async with trio.open_nursery() as nursery:
            await nursery.start(worker.serve)
            hub.activity("stuck")
            await begun.wait()
            nursery.cancel_scope.cancel()
    assert raised.group_contains(KeyboardInterrupt)
    assert trio.current_time() == start, "nobody waits for the activity any more"


async def test_interrupts_hit_the_users_code_and_not_the_workers(hub, channel, monkeypatch):
    seen = {}

    async def looks(ctx):
        seen["activity"] = trio.lowlevel.currently_ki_protected()

    def orchestrates(ctx):
        seen["turn"] = trio.lowlevel.currently_ki_protected()

    original = WorkStub.work_items

    async def looking(self, request):
        async for item in original(self, request):
            seen["worker"] = trio.lowlevel.currently_ki_protected()
            yield item

    monkeypatch.setattr(WorkStub, "work_items", looking)
    async with trio.open_nursery() as nursery:
        worker = Worker(channel, sandbox="off")
        worker.add_activity(looks)
        worker.add_orchestrator(orchestrates)
        await nursery.start(worker.serve)
        hub.activity("looks")
        await next_result(hub)
        hub.start("orchestrates")
        await next_turn(hub)
        nursery.cancel_scope.cancel()
    assert seen == {"activity": False, "turn": False, "worker": True}


async def test_an_exception_in_serve_comes_out_as_itself(hub, channel):
    worker = Worker(channel)

    async def interrupt(task_status=trio.TASK_STATUS_IGNORED):
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):  # noqa: PT012
        try:
            async with trio.open_nursery() as nursery:
                await nursery.start(worker.serve)
                nursery.start_soon(interrupt)
        except BaseExceptionGroup as group:
            assert [type(e) for e in group.exceptions] == [KeyboardInterrupt]
            raise group.exceptions[0] from None
