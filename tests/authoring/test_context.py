"""The context's features, each on every road, in `async def` and in generator form."""

from __future__ import annotations

import logging

import pytest
import trio

from tests.authoring import flows
from trio_durable import OrchestrationFailedError, OrchestrationStatus

EVERYTHING = (flows.ORCHESTRATORS, flows.ACTIVITIES)


@pytest.fixture(autouse=True)
def _fresh():
    flows.CALLS.clear()


@pytest.mark.parametrize("flow", [flows.tells_itself, flows.tells_itself_generator])
async def test_an_orchestration_knows_itself(road, flow):
    await road.open(*EVERYTHING)
    instance_id = road.new_id()
    assert await road.output(flow, instance_id=instance_id) == [flow.__name__, instance_id, None, False, None, True]


async def test_a_child_knows_its_parent(road):
    await road.open(*EVERYTHING)
    instance_id = road.new_id()
    told = await road.output(flows.parent_of_teller, instance_id=instance_id)
    assert told[2] == instance_id


@pytest.mark.parametrize("flow", [flows.draws, flows.draws_generator])
async def test_values_are_the_same_on_every_replay_and_never_repeat(road, flow):
    await road.open(*EVERYTHING)
    one = await road.output(flow)
    two = await road.output(flow)
    assert len({*one[:3]}) == 3
    assert len({one[3], one[4], one[-1]}) == 3
    assert not {*one[:5]} & {*two[:5]}
    word, number, choice, binary = one[5:9]
    assert len(word) == 12
    assert word.isalnum()
    assert 5 <= number <= 7
    assert choice in "abc"
    assert set(binary) <= {"0", "1"}


@pytest.mark.parametrize("flow", [flows.logs, flows.logs_generator])
async def test_lines_are_logged_once(embedded, flow, caplog):
    caplog.set_level(logging.WARNING)
    await embedded.open(*EVERYTHING)
    instance_id = embedded.new_id()
    await embedded.output(flow, instance_id=instance_id)
    mine = [record for record in caplog.records if getattr(record, "instance_id", None) == instance_id]
    assert [record.getMessage() for record in mine] == ["before", "between 1", "after"]
    assert [record.name for record in mine][::2] == [f"trio_durable.orchestration.{flow.__name__}"] * 2


@pytest.mark.parametrize("flow", [flows.passes_metadata, flows.passes_metadata_generator])
async def test_metadata_reaches_activities_and_children(road, flow):
    """Seed defect 5."""
    await road.open(*EVERYTHING)
    plain, got, more, child, own = await road.output(flow)
    assert plain[:2] == [{"a": 0}, {}]
    assert got[0] == 0
    assert got[1] == {"tenant": "blue", "tracestate": "acme=1"}
    assert got[2].split(",")[0] == "acme=1"
    assert more[:2] == [None, {"tenant": "blue", "tracestate": "acme=1", "user": "ann"}]
    assert child == ["in", "blue", "blue"]
    assert own == {"tenant": "blue", "tracestate": "acme=1"}


async def test_metadata_survives_continue_as_new_when_asked(road):
    await road.open(*EVERYTHING)
    assert await road.output(flows.metadata_over_generations, 0) == {}


async def test_metadata_from_the_client(road):
    await road.open(*EVERYTHING)
    state = await road.end(flows.reads_metadata, "x", metadata={"tenant": "green"})
    assert state.get_output() == ["x", "green", "green"]
    assert state.get_input() == "x"


async def test_an_input_that_looks_like_an_envelope_survives(road):
    await road.open(*EVERYTHING)
    value = {"$trio_durable": {"metadata": {"a": "b"}}, "input": [1]}
    assert await road.output(flows.looks_like_an_envelope, value) == [value, value, {}]


async def test_cleanups_run_last_in_first_out(road, caplog):
    await road.open(*EVERYTHING)
    state = await road.end(flows.cleans_up, False)
    assert flows.CALLS == ["last added", None, "first added"]
    assert state.runtime_status is OrchestrationStatus.FAILED
    with pytest.raises(OrchestrationFailedError, match="cleanups of the orchestration failed"):
        state.raise_if_failed()


async def test_cleanups_run_after_a_failure_which_goes_on(road):
    await road.open(*EVERYTHING)
    state = await road.end(flows.cleans_up, True)
    assert flows.CALLS == ["last added", None, "first added"]
    assert state.failure_details.error_type == "KeyError"
    assert "a broken cleanup" in state.failure_details.stack_trace


@pytest.mark.parametrize("fails", [False, True])
async def test_cleanups_of_a_generator(road, fails):
    await road.open(*EVERYTHING)
    state = await road.end(flows.cleans_up_generator, fails)
    assert flows.CALLS == ["last added", "first added"]
    assert (state.runtime_status is OrchestrationStatus.FAILED) is fails


@pytest.mark.parametrize("flow", [flows.books, flows.books_generator])
async def test_a_saga_that_succeeds_undoes_nothing(road, flow):
    await road.open(*EVERYTHING)
    assert await road.output(flow, "") == "booked"
    assert flows.CALLS == ["hotel", "car"]


@pytest.mark.parametrize("flow", [flows.books, flows.books_generator])
async def test_a_saga_that_fails_is_undone_in_reverse(road, flow):
    await road.open(*EVERYTHING)
    state = await road.end(flow, "flight")
    assert flows.CALLS == ["hotel", "car", "flight", "undo car", "undo hotel"]
    assert state.failure_details.error_type == "trio_durable.TaskFailedError"
    assert "refused flight" in state.failure_details.error_message


@pytest.mark.parametrize("flow", [flows.books, flows.books_generator])
async def test_a_compensation_that_fails_keeps_no_other_from_running(road, flow):
    await road.open(*EVERYTHING)
    state = await road.end(flow, "undo")
    assert flows.CALLS == ["hotel", "car", "flight", "undo flight", "undo car", "undo hotel"]
    assert state.failure_details.error_type == "trio_durable.CompensationError"
    with pytest.raises(OrchestrationFailedError) as caught:
        state.raise_if_failed()
    assert caught.value.is_caused_by("ValueError")


async def test_a_saga_that_is_cancelled_is_undone(road):
    await road.open(*EVERYTHING)
    assert await road.output(flows.saga_in_a_timeout) is True
    assert flows.CALLS == ["undone"]


@pytest.mark.parametrize("flow", [flows.sends, flows.sends_generator])
async def test_an_orchestration_sends_an_event(road, flow):
    await road.open(*EVERYTHING)
    listener = await road.client.schedule_new_orchestration(flows.listens, instance_id=road.new_id())
    # The Go sidecar takes an event for an instance that there is not, and drops it.
    assert await road.output(flow, listener) == (None if road.kind == "go" else "trio_durable.NotFoundError")
    state = await road.client.wait_for_orchestration_completion(listener, timeout=20)
    assert state.get_output() == {"n": 0}


@pytest.mark.parametrize("flow", [flows.detaches, flows.detaches_generator])
async def test_a_detached_orchestration_runs_by_itself(road, flow):
    await road.open(*EVERYTHING)
    other = await road.output(flow)
    with trio.fail_after(20):
        while await road.client.get_orchestration_state(other) is None:
            await trio.sleep(0.01)
    state = await road.client.wait_for_orchestration_completion(other, timeout=20)
    assert state.get_output() == [[1], None, {"from": "above"}]
    assert state.parent_instance_id is None


@pytest.mark.parametrize("flow", [flows.retries, flows.retries_generator])
async def test_retries_with_jitter(road, flow):
    await road.open(*EVERYTHING)
    assert await road.output(flow) == 3
    assert flows.CALLS == ["1", "2", "3"]


@pytest.mark.parametrize(("how", "calls"), [("type", 1), ("handle", 1), ("attempts", 3)])
async def test_retries_end(road, how, calls):
    await road.open(*EVERYTHING)
    state = await road.end(flows.gives_up, how)
    assert state.runtime_status is OrchestrationStatus.FAILED
    assert len(flows.CALLS) == calls


@pytest.mark.parametrize("flow", [flows.races, flows.races_generator])
async def test_combinations(road, flow):
    await road.open(*EVERYTHING)
    instance_id = await road.client.schedule_new_orchestration(flow, instance_id=road.new_id())
    with trio.fail_after(20):
        while True:
            state = await road.client.get_orchestration_state(instance_id)
            if state is not None and state.get_custom_status() == "listening":
                break
            await trio.sleep(0.01)
    await road.client.raise_orchestration_event(instance_id, "mine", data="yours")
    state = await road.client.wait_for_orchestration_completion(instance_id, timeout=20)
    state.raise_if_failed()
    assert state.get_output() == [1, "", 1, "TaskFailedError", True, "yours"]
