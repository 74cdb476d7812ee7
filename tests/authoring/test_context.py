"""The context's features, each on every road, in `async def` and in generator form."""

from __future__ import annotations

import logging

import pytest
import trio

from tests.authoring import flows
from tests.patience import PATIENCE
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


@pytest.mark.parametrize("flow", [flows.parent_of_teller, flows.parent_of_teller_generator])
async def test_a_child_knows_its_parent(road, flow):
    await road.open(*EVERYTHING)
    instance_id = road.new_id()
    told = await road.output(flow, instance_id=instance_id)
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
async def test_lines_are_logged_once(road, flow, caplog):
    caplog.set_level(logging.WARNING)
    await road.open(*EVERYTHING)
    instance_id = road.new_id()
    await road.output(flow, instance_id=instance_id)
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


@pytest.mark.parametrize("flow", [flows.metadata_over_generations, flows.metadata_over_generations_generator])
async def test_metadata_survives_continue_as_new_when_asked(road, flow):
    await road.open(*EVERYTHING)
    assert await road.output(flow, 0) == {}


@pytest.mark.parametrize("flow", [flows.values_over_generations, flows.values_over_generations_generator])
async def test_each_generation_draws_values_of_its_own_and_counts_its_own_history(road, flow):
    await road.open(*EVERYTHING)
    guids, numbers, events = zip(*await road.output(flow, []), strict=True)
    assert len({*guids}) == len({*numbers}) == 3
    assert len({*events}) == 1


@pytest.mark.parametrize("flow", [flows.reads_metadata, flows.reads_metadata_generator])
async def test_metadata_from_the_client(road, flow):
    await road.open(*EVERYTHING)
    state = await road.end(flow, "x", metadata={"tenant": "green"})
    assert state.get_output() == ["x", "green", "green"]
    assert state.get_input() == "x"


@pytest.mark.parametrize("flow", [flows.looks_like_an_envelope, flows.looks_like_an_envelope_generator])
async def test_an_input_that_looks_like_an_envelope_survives(road, flow):
    await road.open(*EVERYTHING)
    value = {"$trio_durable": {"metadata": {"a": "b"}}, "input": [1]}
    assert await road.output(flow, value) == [value, value, {}]


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
    assert flows.CALLS == ["last added", None, "first added"]
    assert state.runtime_status is OrchestrationStatus.FAILED
    assert "RuntimeError: a broken cleanup" in state.failure_details.error_message
    assert state.failure_details.is_caused_by(RuntimeError)
    assert state.failure_details.is_caused_by(KeyError) is fails


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


@pytest.mark.parametrize("flow", [flows.waits_in_a_saga, flows.waits_in_a_saga_generator])
async def test_a_saga_of_a_cancelled_orchestration_is_undone_to_its_end(road, flow):
    await road.open(*EVERYTHING)
    instance_id = await road.client.schedule_new_orchestration(flow, instance_id=road.new_id())
    await _listening(road, instance_id)
    await road.client.cancel_orchestration(instance_id)
    state = await road.client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)
    assert state.runtime_status is OrchestrationStatus.CANCELED
    assert flows.CALLS == ["undo last", "undo first"]


async def test_a_saga_in_a_scope_that_is_cancelled_is_undone(road):
    await road.open(*EVERYTHING)
    assert await road.output(flows.saga_in_a_timeout) is True
    assert flows.CALLS == ["undone"]


@pytest.mark.parametrize("flow", [flows.sends, flows.sends_generator])
async def test_an_orchestration_sends_an_event(road, flow):
    await road.open(*EVERYTHING)
    listener = await road.client.schedule_new_orchestration(flows.listens, instance_id=road.new_id())
    # The Go sidecar takes an event for an instance that there is not, and drops it.
    assert await road.output(flow, listener) == (None if road.kind == "go" else "trio_durable.NotFoundError")
    state = await road.client.wait_for_orchestration_completion(listener, timeout=PATIENCE)
    assert state.get_output() == {"n": 0}


@pytest.mark.parametrize("flow", [flows.detaches, flows.detaches_generator])
async def test_a_detached_orchestration_runs_by_itself(road, flow):
    await road.open(*EVERYTHING)
    other = await road.output(flow)
    with trio.fail_after(PATIENCE):
        while await road.client.get_orchestration_state(other) is None:
            await trio.sleep(0.01)
    state = await road.client.wait_for_orchestration_completion(other, timeout=PATIENCE)
    assert state.get_output() == [[1], None, {"from": "above"}]
    assert state.parent_instance_id is None


@pytest.mark.parametrize("flow", [flows.retries, flows.retries_generator])
async def test_retries_with_jitter(road, flow):
    await road.open(*EVERYTHING)
    assert await road.output(flow) == 3
    assert flows.CALLS == ["1", "2", "3"]


@pytest.mark.parametrize("flow", [flows.tries_patiently, flows.tries_patiently_generator])
async def test_attempts_are_counted_whichever_worker_they_meet(road, flow):
    worker = await road.open(*EVERYTHING)
    instance_id = await road.client.schedule_new_orchestration(flow, instance_id=road.new_id())
    with trio.fail_after(PATIENCE):
        for answered in (1, 2):
            while await _failed(road, instance_id) < answered:
                await trio.sleep(0.01)
            worker.cancel()
            worker = await road.open(*EVERYTHING)
        state = await road.client.wait_for_orchestration_completion(instance_id)
    assert state.get_output() == 3
    assert flows.CALLS == ["1", "2", "3"]


async def _failed(road, instance_id):
    history = await road.client.get_orchestration_history(instance_id)
    return sum(event.kind == "TaskFailed" for event in history)


@pytest.mark.parametrize("flow", [flows.gives_up, flows.gives_up_generator])
@pytest.mark.parametrize(("how", "calls"), [("type", 1), ("handle", 1), ("attempts", 3)])
async def test_retries_end(road, how, calls, flow):
    await road.open(*EVERYTHING)
    state = await road.end(flow, how)
    assert state.runtime_status is OrchestrationStatus.FAILED
    assert len(flows.CALLS) == calls


@pytest.mark.parametrize("flow", [flows.calls_nobody, flows.calls_nobody_generator])
@pytest.mark.parametrize(("how", "tries"), [("attempts", " after 3 attempts"), ("registered", "")])
async def test_what_no_worker_has_is_tried_again_unless_forbidden(road, how, tries, flow):
    await road.open(*EVERYTHING)
    state = await road.end(flow, how)
    said = f"activity 'nobody' failed{tries}: trio_durable.NotRegisteredError"
    assert state.failure_details.error_message.startswith(said)


@pytest.mark.parametrize("flow", [flows.retries_once, flows.retries_once_generator])
@pytest.mark.parametrize(("activity", "calls"), [(flows.fails_in_a_nursery, 4), (flows.must_not_try_again, 1)])
async def test_a_group_is_tried_again_unless_it_holds_what_must_not_be(road, activity, calls, flow):
    await road.open(*EVERYTHING)
    state = await road.end(flow, activity.__name__)
    assert state.failure_details.error_type == "trio_durable.TaskFailedError"
    assert len(flows.CALLS) == calls


@pytest.mark.parametrize("flow", [flows.meets_failures, flows.meets_failures_generator])
async def test_whatever_an_activity_raises_the_orchestration_is_told_and_the_worker_goes_on(road, flow):
    await road.open(*EVERYTHING)
    assert await road.output(flow) == [
        ["SystemExit", "wrong usage"],
        ["ExceptionGroup", "in a nursery (2 sub-exceptions)", "KeyError", "OSError"],
        ["trio_durable.PayloadError", "the input of activity 'needs_a_number'"],
        ["trio_durable.PayloadError", "the result of activity 'not_a_number'"],
        7,
    ]
    assert flows.CALLS == ["exits", "nursery"]


@pytest.mark.parametrize("flow", [flows.needs_an_input, flows.needs_an_input_generator])
async def test_an_input_that_is_missing_is_a_mistake(road, flow):
    await road.open(*EVERYTHING)
    state = await road.end(flow)
    assert state.failure_details.error_type == "trio_durable.PayloadError"
    assert "expected int, and none was given" in state.failure_details.error_message
    assert await road.output(flow, 0) == 0


@pytest.mark.parametrize("flow", [flows.races, flows.races_generator])
async def test_combinations(road, flow):
    await road.open(*EVERYTHING)
    instance_id = await road.client.schedule_new_orchestration(flow, instance_id=road.new_id())
    await _listening(road, instance_id)
    await road.client.raise_orchestration_event(instance_id, "mine", data="yours")
    state = await road.client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)
    state.raise_if_failed()
    assert state.get_output() == [1, "", 1, "TaskFailedError", True, "yours"]


async def _listening(road, instance_id):
    """Until the orchestration says that it has come to where it waits."""
    with trio.fail_after(PATIENCE):
        while True:
            state = await road.client.get_orchestration_state(instance_id)
            if state is not None and state.get_custom_status() == "listening":
                return
            await trio.sleep(0.01)


def misses_a_file(ctx):
    raise FileNotFoundError(2, "no such file", b"caf\xe9".decode(errors="surrogateescape"))


async def misses(ctx, where: str):
    if where == "activity":
        await ctx.call_activity("misses_a_file")
    misses_a_file(ctx)


def misses_generator(ctx, where: str):
    if where == "activity":
        yield ctx.call_activity("misses_a_file")
    misses_a_file(ctx)


@pytest.mark.parametrize("where", ["activity", "orchestration"])
@pytest.mark.parametrize("flow", [misses, misses_generator])
async def test_a_failure_that_names_a_file_whose_name_is_no_utf8(road, flow, where):
    await road.open([flow], [misses_a_file])
    state = await road.end(flow, where)
    assert state.failure_details.is_caused_by(FileNotFoundError)
    assert "'caf\\udce9'" in state.failure_details.error_message
