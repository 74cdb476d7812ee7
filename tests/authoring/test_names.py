"""What users read and call, name by name: the tests to which docs/migrating.md points where no other shows a name."""

from __future__ import annotations

import logging
from dataclasses import asdict
from datetime import UTC, datetime, timedelta

import pytest

from tests.patience import PATIENCE
from trio_durable import (
    FailureDetails,
    JsonConverter,
    OrchestrationFailedError,
    OrchestrationStatus,
    ReplaySafeLogger,
    RetryPolicy,
    TaskFailedError,
    Worker,
)


async def play(road, orchestrator, *activities, input=None, **options):
    """Run a function of the test, on a worker of its own; its final state."""
    worker = Worker(road.target, sandbox="off", **road.options)
    worker.add_orchestrator(orchestrator)
    for activity in activities:
        worker.add_activity(activity)
    await road.nursery.start(worker.serve)
    return await road.end(orchestrator, input, **options)


@pytest.mark.parametrize("generator", [False, True])
async def test_an_activity_knows_the_call_that_it_serves(road, generator):
    def look(ctx, text: str):
        assert ctx.workflow_id == ctx.orchestration_id
        return [ctx.orchestration_id, ctx.name, ctx.task_id, ctx.task_execution_id, ctx.attempt, ctx.metadata, text]

    async def flow(ctx):
        return [await ctx.call_activity(look, input="one"), await ctx.call_activity("look", input="two")]

    def flow_generator(ctx):
        return (yield ctx.when_all([ctx.call_activity(look, input="one"), ctx.call_activity("look", input="two")]))

    state = await play(road, flow_generator if generator else flow, look)
    one, two = state.get_output()
    assert one[:2] == two[:2] == [state.instance_id, "look"]
    assert [one[2], two[2]] == [1, 2]
    assert one[3] != two[3]
    assert one[4:] == [1, {}, "one"]


@pytest.mark.parametrize("generator", [False, True])
async def test_timers_children_and_what_is_replayed(road, generator):
    seen = []

    async def flow(ctx, depth: int):
        seen.append(ctx.is_replaying)
        before = ctx.current_utc_datetime
        await ctx.create_timer(timedelta(milliseconds=20))
        await ctx.create_timer(before - timedelta(days=1))
        waited = ctx.current_utc_datetime - before
        return [waited >= timedelta(milliseconds=20), await ctx.call_child_workflow("flow", input=0) if depth else None]

    def flow_generator(ctx, depth: int):
        seen.append(ctx.is_replaying)
        before = ctx.current_utc_datetime
        yield ctx.create_timer(timedelta(milliseconds=20))
        yield ctx.create_timer(before - timedelta(days=1))
        waited = ctx.current_utc_datetime - before
        child = (yield ctx.call_child_workflow("flow_generator", input=0)) if depth else None
        return [waited >= timedelta(milliseconds=20), child]

    state = await play(road, flow_generator if generator else flow, input=1)
    assert state.get_output() == [True, [True, None]]
    assert seen[0] is False
    assert (True in seen) is (road.options.get("max_cached_instances") == 0)


async def test_futures_tell_their_outcome(road):
    def gives(ctx):
        return "given"

    def fails(ctx):
        raise KeyError("lost")

    async def flow(ctx):
        good, bad, never = ctx.call_activity(gives), ctx.call_activity(fails), ctx.wait_for_external_event("never")
        with pytest.raises(RuntimeError, match="await it first"):
            good.get_result()
        assert not good.is_complete
        assert not good.is_failed
        await ctx.gather(good, bad, return_exceptions=True)
        assert good.is_complete
        assert not good.is_failed
        assert good.get_exception() is None
        assert bad.is_failed
        assert isinstance(bad.get_exception(), TaskFailedError)
        never.cancel()
        assert not never.is_complete
        return good.get_result()

    state = await play(road, flow, gives, fails)
    state.raise_if_failed()
    assert state.get_output() == "given"


async def test_failures_tell_what_was_raised(road):
    def fails(ctx):
        try:
            raise KeyError("lost")
        except KeyError as error:
            raise ValueError("wrong") from error

    async def flow(ctx):
        await ctx.call_activity(fails)

    state = await play(road, flow, fails)
    assert state.runtime_status is OrchestrationStatus.FAILED
    with pytest.raises(OrchestrationFailedError) as caught:
        state.raise_if_failed()
    assert caught.value.details == state.failure_details
    details = state.failure_details.inner
    assert isinstance(details, FailureDetails)
    assert (details.error_type, details.error_message) == ("ValueError", "wrong")
    assert "raise ValueError" in details.stack_trace
    assert details.inner.error_type == "KeyError"
    assert details.is_caused_by(KeyError)
    assert not details.is_caused_by(OSError)
    failed = [event for event in await road.client.get_orchestration_history(state.instance_id) if event.failure]
    assert [event.kind for event in failed] == ["TaskFailed", "ExecutionCompleted"]
    assert failed[0].failure.error_type == "ValueError"
    assert failed[1].attributes["status"] == "FAILED"
    assert asdict(failed[0])["task_scheduled_id"] == 1


async def test_states_tell_everything(road):
    async def flow(ctx, number: int):
        ctx.set_custom_status({"half": "way"})
        return number + 1

    before = datetime.now(UTC)
    state = await play(road, flow, input=1)
    assert state.raise_if_failed() is None
    assert state.runtime_status is OrchestrationStatus.COMPLETED
    assert state.is_complete
    assert (state.instance_id, state.name) == (state.instance_id, "flow")
    assert (state.serialized_input, state.serialized_output) == ("1", "2")
    assert state.serialized_custom_status == '{"half":"way"}'
    assert (state.get_input(int), state.get_output(int)) == (1, 2)
    assert state.get_custom_status(dict[str, str]) == {"half": "way"}
    assert before - timedelta(seconds=1) <= state.created_at <= state.last_updated_at
    assert state.failure_details is None


async def test_every_status_that_a_client_can_see(road):
    async def flow(ctx):
        await ctx.wait_for_external_event("go")

    client = road.client
    worker = Worker(road.target, sandbox="off", **road.options)
    worker.add_orchestrator(flow)
    await road.nursery.start(worker.serve)

    async def status(instance_id):
        return (await client.get_orchestration_state(instance_id)).runtime_status

    async def running():
        instance_id = await client.schedule_new_orchestration(flow, instance_id=road.new_id())
        await client.wait_for_orchestration_start(instance_id, timeout=PATIENCE)
        return instance_id

    later = await client.schedule_new_orchestration(flow, start_at=timedelta(days=1), instance_id=road.new_id())
    assert await status(later) is OrchestrationStatus.PENDING
    ended = await running()
    assert await status(ended) is OrchestrationStatus.RUNNING
    await client.raise_orchestration_event(ended, "go")
    assert (await client.wait_for_orchestration_completion(ended)).runtime_status is OrchestrationStatus.COMPLETED
    assert await client.purge_orchestration(ended) == 1
    stopped = await running()
    await client.terminate_orchestration(stopped)
    assert await status(stopped) is OrchestrationStatus.TERMINATED
    cancelled = await running()
    await client.cancel_orchestration(cancelled)
    state = await client.wait_for_orchestration_completion(cancelled, timeout=PATIENCE)
    assert state.runtime_status is OrchestrationStatus.CANCELED
    # Passed through, and never seen from outside: nobody is shown an instance between two executions.
    assert not OrchestrationStatus.CONTINUED_AS_NEW.is_terminal


def test_what_a_retry_policy_says():
    policy = RetryPolicy(
        first_retry_interval=timedelta(seconds=2),
        max_number_of_attempts=5,
        backoff_coefficient=3,
        max_retry_interval=timedelta(seconds=10),
        retry_timeout=timedelta(seconds=30),
        non_retryable_error_types=(KeyError, "shop.Sold"),
    )
    second = 1_000_000_000

    def waits(attempt, kind="ValueError", now=0):
        return policy.delay(attempt, FailureDetails(kind, "m"), 0, now)

    assert [waits(attempt) for attempt in range(1, 6)] == [2 * second, 6 * second, 10 * second, 10 * second, None]
    assert [waits(1, kind) for kind in ("KeyError", "shop.Sold", "Sold")] == [None, None, 2 * second]
    assert [waits(1, now=now * second) for now in (30, 31)] == [2 * second, None]


def test_a_logger_is_silent_while_replaying():
    class Context:
        instance_id = "i"
        is_replaying = True

    context = Context()
    logger = ReplaySafeLogger(logging.getLogger("tests.names"), context)
    assert not logger.isEnabledFor(logging.ERROR)
    context.is_replaying = False
    assert logger.isEnabledFor(logging.ERROR)


def test_a_converter_is_two_methods():
    converter = JsonConverter()
    assert converter.from_json(converter.to_json({"a": [1]}), dict[str, list[int]]) == {"a": [1]}
