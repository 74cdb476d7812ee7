"""What an orchestration can ask for, over an in-memory channel and virtual time."""

from __future__ import annotations

import betterproto
import pytest
import trio
import trio_durable_proto as pb
from trio.testing import wait_all_tasks_blocked
from trio_durable_proto import codec

from trio_durable._core import actions as ac
from trio_durable._core import events as ev
from trio_durable._core.clock import FOREVER
from trio_durable._core.events import Status
from trio_durable._core.failures import FailureDetails
from trio_durable._rpc import EncodeError, GRPCError, RpcStatus
from trio_durable._wire.requests import ActivityResult, Turn, TurnResult, turn_result_to_pb, work_from_pb
from trio_durable.sidecar import open_sidecar
from trio_durable.sidecar.engine import TERMINATE_GRACE

SECOND = 1_000_000_000
EPOCH = 1_700_000_000 * SECOND


def virtual_now() -> int:
    return EPOCH + int(trio.current_time() * SECOND)


def began(events) -> int:
    """When the first turn began, by the sidecar's clock."""
    return next(event.timestamp for event in events if isinstance(event, ev.OrchestratorStarted))


class Bench:
    """A sidecar, a scripted worker and a client on it."""

    def __init__(self, sidecar, worker, client, nursery):
        self.sidecar = sidecar
        self.worker = worker
        self.client = client
        self.nursery = nursery


@pytest.fixture
async def bench(worker_class, client_class, scripts, nursery):
    async with open_sidecar(now_ns=virtual_now) as sidecar, trio.open_nursery() as workers:
        worker = worker_class(sidecar.channel(), scripts)
        workers.start_soon(worker.serve)
        yield Bench(sidecar, worker, client_class(sidecar.channel()), workers)
        workers.cancel_scope.cancel()


def ends(result: str | None = '"done"', status: Status = Status.COMPLETED, number: int = 99):
    return ac.CompleteOrchestration(number, status, result)


async def test_a_chain_runs_to_its_end(autojump_clock, bench):
    instance_id = await bench.client.start("chain", "a", '"in"')
    assert instance_id == "a"
    state = await bench.client.ended("a")
    assert (state.status, state.output, state.input, state.name) == (Status.COMPLETED, '"in"', '"in"', "chain")
    assert state.created_at <= state.started_at <= state.completed_at
    history = await bench.client.history("a")
    assert [event.event_id for event in history if event.event_id > 0] == [1, 2, 3, 4]


async def test_each_turn_begins_with_the_clock_and_the_first_holds_the_start(autojump_clock, bench):
    await bench.client.start("chain", "a")
    await bench.client.ended("a")
    assert all(isinstance(turn.new[0], ev.OrchestratorStarted) for turn in bench.worker.turns)
    first = bench.worker.turns[0]
    assert first.past == []
    assert isinstance(first.new[1], ev.ExecutionStarted)
    assert first.execution_id == first.new[1].execution_id


@pytest.mark.parametrize(
    ("method", "request_"),
    [
        ("start_instance", pb.CreateInstanceRequest(instance_id="b", name="waits", input="\ud800")),
        ("start_instance", pb.CreateInstanceRequest(instance_id="b\ud800", name="waits")),
        ("start_instance", pb.CreateInstanceRequest(instance_id="b", name="waits", tags={"a": "\ud800"})),
        ("raise_event", pb.RaiseEventRequest(instance_id="a", name="e", input="\ud800")),
        ("suspend_instance", pb.SuspendRequest(instance_id="a", reason="\ud800")),
        ("terminate_instance", pb.TerminateRequest(instance_id="a", output="\ud800")),
        ("rerun_workflow_from_event", pb.RerunWorkflowFromEventRequest("done", 1, "b", input="\ud800")),
    ],
    ids=lambda each: each if isinstance(each, str) else "",
)
async def test_what_no_message_can_hold_changes_nothing(autojump_clock, bench, scripts, method, request_):
    scripts["waits"] = lambda events: [
        ends('"heard"') if any(isinstance(event, ev.EventRaised) for event in events) else ac.CreateTimer(1, FOREVER)
    ]
    await bench.client.start("chain", "done")
    await bench.client.ended("done")
    await bench.client.start("waits", "a")
    await wait_all_tasks_blocked()
    with pytest.raises(EncodeError, match="lone surrogate"):
        await getattr(bench.client.stub, method)(request_)
    with pytest.raises(GRPCError, match="no such instance"):
        await bench.client.raise_event("b", "e")
    assert (await bench.client.start("waits", "b")) == "b"
    for instance_id in ("a", "b"):
        await bench.client.raise_event(instance_id, "e")
        assert (await bench.client.ended(instance_id)).output == '"heard"'


async def test_falsy_payloads_survive(autojump_clock, bench, scripts):
    scripts["echo"] = lambda events: [
        ends(next(event.input for event in events if isinstance(event, ev.ExecutionStarted)))
    ]
    for payload in ("0", '""', "false", "[]", "{}", "null", "", None):
        instance_id = await bench.client.start("echo", "", payload)
        state = await bench.client.ended(instance_id)
        assert (state.input, state.output) == (payload, payload)


async def test_a_failed_activity_reports_its_details(autojump_clock, bench, scripts, answers):
    failure = FailureDetails("shop.Broke", "no money", "trace", FailureDetails("ValueError", ""))
    bench.worker.run_activity = lambda activity: ActivityResult(activity.instance_id, activity.task_id, failure=failure)

    def script(events):
        answer = answers(events).get(1)
        if answer is None:
            return [ac.ScheduleTask(1, "pay")]
        return [ac.CompleteOrchestration(2, Status.FAILED, failure=answer.failure)]

    scripts["pays"] = script
    await bench.client.start("pays", "a")
    state = await bench.client.ended("a")
    assert (state.status, state.failure) == (Status.FAILED, failure)


async def test_timers_fire_when_due_and_not_before(autojump_clock, bench, scripts, answers):
    def script(events):
        fired = answers(events).get(1)
        if fired is None:
            return [ac.CreateTimer(1, began(events) + 3600 * SECOND)]
        return [ends(str(fired.timestamp - began(events)))]

    scripts["sleeps"] = script
    await bench.client.start("sleeps", "a")
    state = await bench.client.ended("a")
    assert 3600 * SECOND <= int(state.output) < 3601 * SECOND


async def test_a_timer_in_the_past_fires_at_once_and_one_at_the_end_never(autojump_clock, bench, scripts, answers):
    def script(events):
        fired = answers(events)
        timers = [ac.CreateTimer(1, began(events) - SECOND), ac.CreateTimer(2, FOREVER)]
        return [*timers, ends()] if 1 in fired else timers

    scripts["late"] = script
    before = trio.current_time()
    await bench.client.start("late", "a")
    await bench.client.ended("a")
    assert trio.current_time() - before < 1
    assert bench.sidecar._engine.hub.next_due() is None


async def test_events_wait_in_order_for_whoever_takes_them(autojump_clock, bench, scripts):
    def script(events):
        raised = [event.input for event in events if isinstance(event, ev.EventRaised)]
        return [ends(str(raised))] if len(raised) == 3 else []

    scripts["listens"] = script
    await bench.client.start("listens", "a")
    for payload in ("1", "2", "3"):
        await bench.client.raise_event("a", "number", payload)
    assert (await bench.client.ended("a")).output == "['1', '2', '3']"


async def test_events_for_an_instance_that_has_not_begun_are_kept(autojump_clock, bench, scripts):
    scripts["listens"] = lambda events: [ends()] if any(isinstance(event, ev.EventRaised) for event in events) else []
    at = pb.Timestamp(seconds=(virtual_now() // SECOND) + 600)
    await bench.client.start("listens", "a", scheduled_start_timestamp=at)
    await bench.client.raise_event("a", "go")
    assert (await bench.client.state("a")).status is Status.PENDING
    assert bench.worker.turns == []
    state = await bench.client.ended("a")
    assert state.started_at >= at.seconds * SECOND


async def test_children_answer_their_parent(autojump_clock, bench, scripts, answers):
    def parent(events):
        answer = answers(events)
        actions = [ac.CreateChild(1, "child", input='"one"'), ac.CreateChild(0x1_0002, "child", "named", '"two"')]
        if len(answer) == 2:
            actions.append(ends(answer[1].result + answer[0x1_0002].result))
        return actions

    def child(events):
        started = next(event for event in events if isinstance(event, ev.ExecutionStarted))
        assert started.parent.instance_id == "a"
        return [ends(started.input)]

    scripts.update(parent=parent, child=child)
    await bench.client.start("parent", "a")
    assert (await bench.client.ended("a")).output == '"one""two"'
    assert (await bench.client.state("a:0001")).parent_instance_id == "a"
    assert (await bench.client.state("named")).status is Status.COMPLETED


async def test_a_child_whose_id_is_taken_fails_in_its_parent(autojump_clock, bench, scripts, answers):
    scripts["waits"] = lambda events: []

    def parent(events):
        answer = answers(events).get(1)
        actions = [ac.CreateChild(1, "waits", "taken")]
        return actions if answer is None else [*actions, ends(answer.failure.error_message)]

    scripts["parent"] = parent
    await bench.client.start("waits", "taken")
    await bench.client.start("parent", "a")
    assert "'taken' is active already" in (await bench.client.ended("a")).output


async def test_terminate_ends_an_instance_and_its_children(autojump_clock, bench, scripts):
    scripts["waits"] = lambda events: []
    scripts["parent"] = lambda events: [ac.CreateChild(1, "waits", "child")]
    await bench.client.start("parent", "a")
    await wait_all_tasks_blocked()
    await bench.client.stub.terminate_instance(pb.TerminateRequest(instance_id="a", output="0", recursive=True))
    state = await bench.client.state("a")
    # The worker paid no attention; the sidecar ended it all the same.
    assert (state.status, state.output) == (Status.TERMINATED, "0")
    assert (await bench.client.ended("child")).status is Status.TERMINATED


async def test_a_terminated_child_is_a_failure_without_details(autojump_clock, bench, scripts, answers):
    scripts["waits"] = lambda events: []

    def parent(events):
        answer = answers(events).get(1)
        return [ac.CreateChild(1, "waits", "child")] if answer is None else [ends(str(answer.failure))]

    scripts["parent"] = parent
    await bench.client.start("parent", "a")
    await wait_all_tasks_blocked()
    await bench.client.stub.terminate_instance(pb.TerminateRequest(instance_id="child"))
    assert (await bench.client.ended("a")).output == "None"


async def test_suspend_and_resume_show_in_the_status(autojump_clock, bench, scripts):
    scripts["waits"] = lambda events: []
    await bench.client.start("waits", "a")
    await bench.client.stub.suspend_instance(pb.SuspendRequest(instance_id="a", reason="tea"))
    assert (await bench.client.state("a")).status is Status.SUSPENDED
    await bench.client.stub.resume_instance(pb.ResumeRequest(instance_id="a"))
    assert (await bench.client.state("a")).status is Status.RUNNING


async def test_continue_as_new_starts_over_with_what_it_carries(autojump_clock, bench, scripts):
    def script(events):
        started = next(event for event in events if isinstance(event, ev.ExecutionStarted))
        raised = [event for event in events if isinstance(event, ev.EventRaised)]
        if started.input == "0":
            if not raised:
                return [ac.ScheduleTask(1, "lost")]
            carry = [ev.EventRaised(-1, 5, "kept", '"k"')]
            return [
                ac.CreateTimer(2, began(events) + SECOND),
                ac.CompleteOrchestration(3, Status.CONTINUED_AS_NEW, "1", carryover=carry),
            ]
        return [ends(raised[0].input)]

    scripts["again"] = script
    bench.worker.run_activity = lambda activity: ActivityResult(activity.instance_id, activity.task_id)
    await bench.client.start("again", "a", "0")
    first = (await bench.client.state("a")).execution_id
    await bench.client.raise_event("a", "now")
    state = await bench.client.ended("a")
    assert (state.input, state.output, state.status) == ("1", '"k"', Status.COMPLETED)
    assert state.execution_id != first
    assert bench.worker.turns[-1].past == []
    kinds = [type(event).__name__ for event in bench.worker.turns[-1].new]
    assert kinds == ["OrchestratorStarted", "ExecutionStarted", "EventRaised"]


async def test_a_loop_of_executions_that_hear_nothing_is_slowed_down(autojump_clock, bench, scripts):
    def script(events):
        count = int(next(event.input for event in events if isinstance(event, ev.ExecutionStarted)))
        if count == 50:
            return [ends()]
        return [ac.CompleteOrchestration(1, Status.CONTINUED_AS_NEW, str(count + 1))]

    scripts["tight"] = script
    before = trio.current_time()
    await bench.client.start("tight", "a", "0")
    await bench.client.ended("a")
    assert 2 < trio.current_time() - before < 60


async def test_custom_status_is_what_the_last_turn_said(autojump_clock, bench, scripts):
    scripts["waits"] = lambda events: []
    bench.worker.custom_status = '"busy"'
    await bench.client.start("waits", "a")
    await wait_all_tasks_blocked()
    assert (await bench.client.state("a")).custom_status == '"busy"'
    bench.worker.custom_status = None
    await bench.client.raise_event("a", "x")
    await wait_all_tasks_blocked()
    assert (await bench.client.state("a")).custom_status is None


async def test_ids_are_taken_while_active_and_free_afterwards(autojump_clock, bench, scripts):
    scripts["waits"] = lambda events: [ends()] if any(isinstance(event, ev.EventRaised) for event in events) else []
    await bench.client.start("waits", "a", "1")
    with pytest.raises(GRPCError, match="'a' already exists") as caught:
        await bench.client.start("waits", "a", "2")
    assert caught.value.status is RpcStatus.ALREADY_EXISTS
    await bench.client.raise_event("a", "x")
    await bench.client.ended("a")
    with pytest.raises(GRPCError, match="unique"):
        await bench.client.start("waits", "a", "2", enforce_unique_instance_id=True)
    await bench.client.start("waits", "a", "2")
    assert (await bench.client.state("a")).input == "2"
    await bench.client.raise_event("a", "x")
    assert (await bench.client.ended("a")).input == "2"


async def test_an_id_is_not_reused_while_children_run(autojump_clock, bench, scripts):
    scripts["waits"] = lambda events: []
    scripts["parent"] = lambda events: [ac.CreateChild(1, "waits"), ends()]
    await bench.client.start("parent", "a")
    await bench.client.ended("a")
    with pytest.raises(GRPCError, match="its child 'a:0001' has not ended"):
        await bench.client.start("parent", "a")


async def test_unknown_instances(autojump_clock, bench):
    stub = bench.client.stub
    assert await bench.client.state("nobody") is None
    request = pb.GetInstanceRequest(instance_id="nobody")
    assert not (await stub.wait_for_instance_completion(request)).exists
    for call in (
        stub.raise_event(pb.RaiseEventRequest(instance_id="nobody", name="x")),
        stub.terminate_instance(pb.TerminateRequest(instance_id="nobody")),
        stub.suspend_instance(pb.SuspendRequest(instance_id="nobody")),
        stub.resume_instance(pb.ResumeRequest(instance_id="nobody")),
        stub.get_instance_history(pb.GetInstanceHistoryRequest(instance_id="nobody")),
        stub.complete_workflow_task(pb.WorkflowResponse(instance_id="nobody")),
        stub.complete_activity_task(pb.ActivityResponse(instance_id="nobody", task_id=1)),
    ):
        with pytest.raises(GRPCError, match="'nobody'") as caught:
            await call
        assert caught.value.status is RpcStatus.NOT_FOUND
    purged = await stub.purge_instances(pb.PurgeInstancesRequest(instance_id="nobody"))
    assert purged.deleted_instance_count == 0


async def test_what_is_asked_of_an_ended_instance_does_nothing(autojump_clock, bench):
    await bench.client.start("chain", "a")
    before = await bench.client.ended("a")
    await bench.client.raise_event("a", "x")
    await bench.client.stub.terminate_instance(pb.TerminateRequest(instance_id="a"))
    await bench.client.stub.suspend_instance(pb.SuspendRequest(instance_id="a"))
    assert await bench.client.state("a") == before


async def test_purge(autojump_clock, bench, scripts):
    scripts["waits"] = lambda events: []
    scripts["parent"] = lambda events: [ac.CreateChild(1, "waits", "child"), ends()]
    await bench.client.start("parent", "a")
    await bench.client.ended("a")
    stub = bench.client.stub
    with pytest.raises(GRPCError, match=r"'child' is (RUNNING|PENDING) and cannot be purged") as caught:
        await stub.purge_instances(pb.PurgeInstancesRequest(instance_id="a", recursive=True))
    assert caught.value.status is RpcStatus.FAILED_PRECONDITION
    purged = await stub.purge_instances(pb.PurgeInstancesRequest(instance_id="a", recursive=True, force=True))
    assert purged.deleted_instance_count == 2
    assert await bench.client.state("a") is None
    assert await bench.client.state("child") is None
    assert (await stub.list_instance_i_ds(pb.ListInstanceIDsRequest())).instance_ids == []


async def test_listing_in_pages(autojump_clock, bench):
    for number in range(7):
        await bench.client.start("chain", f"i{number}")
    ids, token = [], None
    while True:
        request = pb.ListInstanceIDsRequest(continuation_token=token, page_size=3)
        page = await bench.client.stub.list_instance_i_ds(request)
        ids += page.instance_ids
        token = page.continuation_token
        if token is None:
            break
    assert ids == [f"i{number}" for number in range(7)]


async def test_a_request_without_a_name_is_refused_clearly(autojump_clock, bench):
    with pytest.raises(GRPCError, match="names no orchestrator"):
        await bench.client.start("")


async def test_waiters_hear_of_a_purge(autojump_clock, bench, scripts):
    scripts["waits"] = lambda events: []
    await bench.client.start("waits", "a")
    async with trio.open_nursery() as nursery:

        async def waits():
            request = pb.GetInstanceRequest(instance_id="a")
            assert not (await bench.client.stub.wait_for_instance_completion(request)).exists

        nursery.start_soon(waits)
        await wait_all_tasks_blocked()
        await bench.client.stub.purge_instances(pb.PurgeInstancesRequest(instance_id="a", force=True))


@pytest.mark.parametrize(("second", "status"), [("x", Status.COMPLETED), ("y", Status.FAILED)])
async def test_a_turn_that_asks_again_under_an_old_id(autojump_clock, bench, second, status):
    """For the same thing, as workers of other SDKs do that were suspended in a turn: fine.  For another: a failure."""
    worker = bench.worker

    async def answer(turn: Turn, token: str) -> None:
        asked = any(isinstance(event, ev.TaskScheduled) for event in turn.past)
        actions = [ac.ScheduleTask(1, second if asked else "x")]
        if asked:
            actions.append(ac.CompleteOrchestration(2, Status.COMPLETED, "1"))
        await worker.stub.complete_workflow_task(turn_result_to_pb(TurnResult(turn.instance_id, actions, None, token)))

    worker.answer_turn = answer
    await bench.client.start("any", "a")
    state = await bench.client.ended("a")
    assert state.status is status
    if status is Status.FAILED:
        assert "activity #1" in state.failure.error_message
    scheduled = [event.task_scheduled.name for event in await bench.client.history("a") if event.event_id == 1]
    assert scheduled == ["x"]


async def test_with_no_worker_terminate_takes_effect_at_once(autojump_clock, client_class):
    async with open_sidecar(now_ns=virtual_now) as sidecar:
        client = client_class(sidecar.channel())
        await client.start("anything", "a")
        await client.stub.terminate_instance(pb.TerminateRequest(instance_id="a", output='"stop"'))
        state = await client.state("a")
        assert (state.status, state.output) == (Status.TERMINATED, '"stop"')


async def test_a_terminate_does_not_wait_for_ever_for_a_turn_that_is_out(autojump_clock, bench, scripts):
    """A worker of no use: it takes turns and answers none in time, not the parent's and not the child's."""
    late: list[tuple[Turn, str]] = []
    answer = bench.worker.answer_turn
    scripts["parent"] = lambda events: [ac.CreateChild(1, "child", "c")]
    scripts["child"] = lambda events: [ends()]

    async def keep(turn: Turn, token: str) -> None:
        if turn.instance_id == "a" and not late:
            await answer(turn, token)
        late.append((turn, token))

    bench.worker.answer_turn = keep
    await bench.client.start("parent", "a")
    await wait_all_tasks_blocked()
    await bench.client.raise_event("a", "wake")
    await wait_all_tasks_blocked()
    assert [turn.instance_id for turn, _ in late] == ["a", "c", "a"]
    began_at = trio.current_time()
    await bench.client.stub.terminate_instance(
        pb.TerminateRequest(instance_id="a", output='"stop"', recursive=True)
    )
    assert trio.current_time() - began_at == TERMINATE_GRACE
    child = await bench.client.ended("c")
    assert trio.current_time() - began_at == 2 * TERMINATE_GRACE
    state = await bench.client.state("a")
    assert (state.status, state.output, child.status) == (Status.TERMINATED, '"stop"', Status.TERMINATED)
    for turn, token in late:
        with pytest.raises(GRPCError) as caught:
            await bench.client.stub.complete_workflow_task(
                turn_result_to_pb(TurnResult(turn.instance_id, [ends(number=50)], None, token))
            )
        assert caught.value.status is RpcStatus.NOT_FOUND
    assert await bench.client.state("a") == state
    kinds = [betterproto.which_one_of(event, "eventType")[0] for event in await bench.client.history("a")]
    assert kinds[-3:] == ["event_raised", "execution_terminated", "execution_completed"]


async def test_a_turn_that_is_answered_in_time_is_carried_out_before_the_terminate(autojump_clock, bench, scripts):
    answer = bench.worker.answer_turn
    scripts["slow"] = lambda events: [ac.ScheduleTask(1, "step", "1")]

    async def slowly(turn: Turn, token: str) -> None:
        await trio.sleep(TERMINATE_GRACE / 2 - 0.1)
        await answer(turn, token)

    bench.worker.answer_turn = slowly
    await bench.client.start("slow", "a")
    await wait_all_tasks_blocked()
    await bench.client.stub.terminate_instance(pb.TerminateRequest(instance_id="a"))
    assert (await bench.client.state("a")).status is Status.TERMINATED
    assert [turn.instance_id for turn in bench.worker.turns] == ["a", "a"]
    kinds = [betterproto.which_one_of(event, "eventType")[0] for event in await bench.client.history("a")]
    assert "task_scheduled" in kinds


async def test_a_terminate_waits_for_a_scheduled_start_no_longer_than_its_grace(autojump_clock, bench, scripts):
    at = pb.Timestamp(seconds=EPOCH // SECOND + 1_000_000)
    await bench.client.start("chain", "a", scheduled_start_timestamp=at)
    await bench.client.stub.terminate_instance(pb.TerminateRequest(instance_id="a"))
    assert (await bench.client.state("a")).status is Status.TERMINATED
    assert bench.worker.turns == []


async def test_the_log_says_who_comes_and_goes(autojump_clock, bench, worker_class, scripts, caplog):
    await wait_all_tasks_blocked()
    with caplog.at_level("INFO", logger="trio_durable.sidecar"):
        async with trio.open_nursery() as workers:
            workers.start_soon(worker_class(bench.sidecar.channel(app_id="shop"), scripts).serve)
            await wait_all_tasks_blocked()
            workers.cancel_scope.cancel()
        async with open_sidecar():
            pass
    assert caplog.messages == [
        "worker stream 2 of the app 'shop' opened; 2 open",
        "worker stream 2 closed, 0 items given back; 1 open",
        "recovered 0 instances that have not ended",
    ]


async def test_with_no_worker_suspend_answers_when_stored(autojump_clock, client_class):
    async with open_sidecar(now_ns=virtual_now) as sidecar:
        client = client_class(sidecar.channel())
        await client.start("anything", "a")
        await client.stub.suspend_instance(pb.SuspendRequest(instance_id="a"))


async def test_start_can_wait_for_the_first_turn(autojump_clock, client_class, worker_class, scripts, nursery):
    async with open_sidecar(now_ns=virtual_now, waits_for_start=True) as sidecar:
        client = client_class(sidecar.channel())
        with trio.move_on_after(60) as patience:
            await client.start("chain", "a")
        assert patience.cancelled_caught
        async with trio.open_nursery() as workers:
            workers.start_soon(worker_class(sidecar.channel(), scripts).serve)
            await client.start("chain", "b")
            assert (await client.state("b")).status is not Status.PENDING
            workers.cancel_scope.cancel()


async def test_health_pings_only_for_those_who_asked(autojump_clock, client_class):
    async with open_sidecar(now_ns=virtual_now, heartbeat=30) as sidecar:
        stub = client_class(sidecar.channel()).stub

        async def listen(request):
            with trio.move_on_after(100):
                return [work_from_pb(item) async for item in stub.get_work_items(request)]
            return None

        pings = []
        with trio.move_on_after(100):
            async for item in stub.get_work_items(
                pb.GetWorkItemsRequest(capabilities=[pb.WorkerCapability.HEALTH_PING])
            ):
                pings.append(work_from_pb(item))
        assert pings == [None, None, None]
        assert await listen(pb.GetWorkItemsRequest()) is None


async def test_idle_instances_are_let_go_of_and_read_again(autojump_clock, worker_class, client_class, scripts):
    def script(events):
        raised = [event.input for event in events if isinstance(event, ev.EventRaised)]
        return [ends(str(raised))] if len(raised) == 3 else []

    scripts["listens"] = script
    async with open_sidecar(now_ns=virtual_now, warm_instances=2) as sidecar, trio.open_nursery() as workers:
        workers.start_soon(worker_class(sidecar.channel(), scripts).serve)
        client = client_class(sidecar.channel())
        names = [f"i{number}" for number in range(8)]
        for name in names:
            await client.start("listens", name)
        for payload in ("1", "2"):
            for name in names:
                await client.raise_event(name, "number", payload)
            await wait_all_tasks_blocked()
            records = sidecar._engine.hub.records.values()
            assert sum(record.instance is not None for record in records) <= 2
        for name in names:
            await client.raise_event(name, "number", "3")
            assert (await client.ended(name)).output == "['1', '2', '3']"
        workers.cancel_scope.cancel()


POLICIES = [
    # statuses, action, outcome for a running instance, outcome for an ended one
    ([], 0, "error", "error"),
    ([Status.RUNNING], 1, "same", "error"),
    ([Status.RUNNING], 2, "new", "error"),
    ([Status.COMPLETED], 1, "error", "same"),
    ([Status.COMPLETED], 2, "error", "new"),
    ([Status.RUNNING, Status.COMPLETED], 0, "error", "error"),
]


@pytest.mark.parametrize("packed", [True, False])
@pytest.mark.parametrize(("statuses", "action", "running", "ended"), POLICIES)
async def test_an_older_client_s_reuse_policy(
    autojump_clock, bench, scripts, statuses, action, running, ended, packed
):
    scripts["waits"] = lambda events: [ends()] if any(isinstance(event, ev.EventRaised) for event in events) else []
    numbers = bytes(int(status) for status in statuses)
    listed = b"\x0a" + bytes([len(numbers)]) + numbers if packed else b"".join(b"\x08" + bytes([n]) for n in numbers)
    policy = listed + b"\x10" + bytes([action])
    field = b"\x32" + bytes([len(policy)]) + policy

    async def again() -> str:
        old = await bench.client.state("a")
        plain = codec.encode(pb.CreateInstanceRequest(instance_id="a", name="waits", input="2"))
        request = codec.decode(pb.CreateInstanceRequest, plain + field)
        try:
            await bench.client.stub.start_instance(request)
        except GRPCError as error:
            return "error" if error.status is RpcStatus.ALREADY_EXISTS else str(error)
        new = await bench.client.state("a")
        return "same" if new.execution_id == old.execution_id else "new"

    await bench.client.start("waits", "a", "1")
    await wait_all_tasks_blocked()
    assert await again() == running
    await bench.client.raise_event("a", "x")
    await bench.client.ended("a")
    assert await again() == ended
