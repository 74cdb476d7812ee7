"""The whole road on the embedded sidecar: client, sidecar, worker, sandboxed orchestration, activities, and back."""

from __future__ import annotations

import time
import uuid

import pytest
import trio

from tests.endtoend import flows
from tests.loopback import held_port
from tests.patience import PATIENCE
from trio_durable import (
    AlreadyExistsError,
    Client,
    NotFoundError,
    OrchestrationFailedError,
    OrchestrationStatus,
    PayloadError,
    UnavailableError,
    Worker,
)
from trio_durable.sidecar import open_sidecar

EVERYTHING = {"orchestrators": flows.ALL_ORCHESTRATORS, "activities": flows.ALL_ACTIVITIES}


@pytest.fixture(params=[1000, 0], ids=["kept in memory", "replayed every turn"])
async def busy(request, stage):
    flows.FLAKY_CALLS.clear()
    await stage.work(**EVERYTHING, max_cached_instances=request.param)
    return stage


async def test_values_keep_their_types(busy):
    state = await busy.run(flows.sees_classes, flows.Order("tea", 1))
    assert state.get_output(flows.Order) == flows.Order("tea", 2)
    assert state.get_input() == {"name": "tea", "count": 1}


async def test_falsy_values_survive(busy):
    """Seed defect 12."""
    assert (await busy.run(flows.falsy)).get_output() == [0, "", False, [], {}, None]


async def test_failures_keep_type_message_and_causes(busy):
    """Seed defects 6 and 16."""
    kind = f"{flows.OutOfStock.__module__}.OutOfStock"
    assert (await busy.run(flows.catches)).get_output() == [kind, "no pears left", "KeyError", True]


async def test_failures_travel_from_activity_to_child_to_parent_to_client(busy):
    state = await busy.run(flows.parent_of_failure)
    assert state.runtime_status is OrchestrationStatus.FAILED
    with pytest.raises(OrchestrationFailedError) as caught:
        state.raise_if_failed()
    assert caught.value.is_caused_by("OutOfStock")
    assert caught.value.is_caused_by(KeyError)
    assert "no plums left" in str(caught.value)


async def test_instances_do_not_share_globals(busy):
    assert [(await busy.run(flows.counts_in_a_global)).get_output() for _ in range(3)] == [2, 2, 2]
    assert flows.counter == 0


async def test_time_and_randomness_are_the_orchestrations_own(busy):
    now, guid, later, other, ctx_guid, number = (await busy.run(flows.deterministic)).get_output()
    assert abs(now - time.time()) < 60
    assert uuid.UUID(guid).version == 4
    assert later is True
    assert other is True
    assert uuid.UUID(ctx_guid).version == 5
    assert 0 <= number < 1


async def test_retries(busy):
    """Seed defect 10."""
    assert (await busy.run(flows.retries)).get_output() == 3
    flows.FLAKY_CALLS.clear()
    state = await busy.run(flows.retries_hopeless)
    assert state.runtime_status is OrchestrationStatus.FAILED
    assert len(flows.FLAKY_CALLS) == 1


async def test_continue_as_new_keeps_status_and_events(busy):
    instance_id = await busy.client.schedule_new_orchestration(flows.counts_down, input=3, instance_id="down")
    await busy.client.raise_orchestration_event(instance_id, "carried", data="luggage")
    state = await busy.client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)
    assert (state.get_output(), state.get_custom_status()) == ("luggage", {"left": 0})


async def test_fan_out_from_a_generator(busy):
    assert (await busy.run(flows.fans_out, 100)).get_output() == sum(range(100))


async def test_combinators(busy):
    """Seed defects 1 to 4."""
    assert (await busy.run(flows.races)).get_output() == ["fast", "fast", True, True, 1, "fast"]


async def test_coroutines_run_beside_each_other(busy):
    assert (await busy.run(flows.helpers_beside_each_other)).get_output() == [11, 21]


@pytest.mark.parametrize("flow", [flows.waits, flows.waits_generator])
async def test_events_suspend_resume(busy, flow):
    """Seed defect 11."""
    client = busy.client
    instance_id = await client.schedule_new_orchestration(flow)
    await client.wait_for_orchestration_start(instance_id, timeout=PATIENCE)
    await client.suspend_orchestration(instance_id, reason="lunch")
    await _until(client, instance_id, OrchestrationStatus.SUSPENDED)
    await client.raise_orchestration_event(instance_id, "Go", data=0)
    await client.resume_orchestration(instance_id)
    state = await client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)
    assert state.get_output() == 0


@pytest.mark.parametrize("words", ["enough", 0, "", False])
async def test_terminate_and_purge(busy, words):
    client = busy.client
    instance_id = await client.schedule_new_orchestration(flows.waits)
    await client.wait_for_orchestration_start(instance_id, timeout=PATIENCE)
    await client.terminate_orchestration(instance_id, output=words)
    state = await client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)
    assert state.runtime_status is OrchestrationStatus.TERMINATED
    assert state.get_output() == words
    assert await client.purge_orchestration(instance_id) == 1
    assert await client.get_orchestration_state(instance_id) is None


async def test_ids_are_listed(busy):
    ids = {await busy.client.schedule_new_orchestration(flows.falsy) for _ in range(5)}
    for instance_id in ids:
        await busy.client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)
    assert {each async for each in busy.client.list_instance_ids(page_size=2)} == ids


# -- bad input: each a clear error that names the thing and the remedy, nothing lost, nothing hung ---------------------


@pytest.mark.parametrize(
    ("flow", "payload", "kind", "words"),
    [
        ("no_such_flow", None, "NotRegisteredError", ["'no_such_flow'", "add_orchestrator"]),
        (flows.calls_unknown_activity, None, "NotRegisteredError", ["'no_such_activity'", "add_activity"]),
        (flows.passes_object, None, "PayloadError", ["the input of activity 'same'", "cannot be turned into JSON"]),
        (flows.calls_object_result, None, "PayloadError", ["'object_result'", "cannot be turned into JSON"]),
        (flows.returns_object, None, "PayloadError", ["'returns_object'", "cannot be turned into JSON"]),
        (flows.takes_order, {"nome": "tea"}, "PayloadError", ["'takes_order'", "expected Order"]),
        (flows.opens_a_file, None, "SandboxViolationError", ["open", "flows.py", "activity"]),
    ],
)
async def test_bad_flows_fail_clearly(busy, flow, payload, kind, words):
    state = await busy.run(flow, payload)
    assert state.runtime_status is OrchestrationStatus.FAILED
    chain, link = [], state.failure_details
    while link is not None:
        chain.append(link)
        link = link.inner
    assert any(link.error_type.rpartition(".")[2] == kind for link in chain)
    for word in words:
        assert word in state.failure_details.error_message


async def test_malformed_json_in_an_input(busy):
    class Broken:
        def to_json(self, value):
            return "{broken"

        def from_json(self, text, wanted=None):
            return text

    async with Client(busy.target, converter=Broken()) as client:
        instance_id = await client.schedule_new_orchestration(flows.takes_order, input=1)
        state = await client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)
    assert state.failure_details.error_type == "trio_durable.PayloadError"
    assert "the input of orchestration 'takes_order': not valid JSON" in state.failure_details.error_message


async def test_a_value_that_is_no_json_is_refused_before_it_is_sent(stage):
    with pytest.raises(PayloadError, match=r"the input of orchestration 'any': .*cannot be turned into JSON"):
        await stage.client.schedule_new_orchestration("any", input=object())


@pytest.mark.parametrize("wrong", [None, 5, "", lambda ctx: None])
async def test_what_is_no_orchestrator_is_refused_at_the_door(stage, wrong):
    with pytest.raises((TypeError, ValueError), match=r"a function or its registered name|must not be empty"):
        await stage.client.schedule_new_orchestration(wrong)


@pytest.mark.parametrize("wrong", [5, ""])
async def test_what_is_no_instance_id_is_refused_at_the_door(stage, wrong):
    with pytest.raises((TypeError, ValueError), match="instance_id must"):
        await stage.client.schedule_new_orchestration("any", instance_id=wrong)


def test_a_status_prints_as_what_it_is():
    status = OrchestrationStatus.FAILED
    assert f"{status} {status!s} {status!r}" == "FAILED FAILED OrchestrationStatus.FAILED"
    assert status == 3


async def test_a_duplicate_id_is_refused_and_the_first_goes_on(busy):
    client = busy.client
    await client.schedule_new_orchestration(flows.waits, instance_id="one")
    with pytest.raises(AlreadyExistsError, match="'one' exists already"):
        await client.schedule_new_orchestration(flows.waits, instance_id="one")
    await client.raise_orchestration_event("one", "go", data="on")
    state = await client.wait_for_orchestration_completion("one", timeout=PATIENCE)
    assert state.get_output() == "on"
    # an id that has ended may be used again
    assert await client.schedule_new_orchestration(flows.waits, instance_id="one") == "one"


async def test_an_unknown_id(stage):
    assert await stage.client.get_orchestration_state("nobody") is None
    with pytest.raises(NotFoundError, match="'nobody'"):
        await stage.client.wait_for_orchestration_completion("nobody", timeout=PATIENCE)
    with pytest.raises(NotFoundError, match="'nobody'"):
        await stage.client.raise_orchestration_event("nobody", "go")


async def test_a_wait_that_is_too_long(busy):
    instance_id = await busy.client.schedule_new_orchestration(flows.waits)
    with pytest.raises(TimeoutError, match="no completion"):
        await busy.client.wait_for_orchestration_completion(instance_id, timeout=0.1)


async def test_a_wrong_endpoint_is_named_at_once():
    with held_port() as port, trio.fail_after(PATIENCE):
        async with Client(f"127.0.0.1:{port}") as client:
            with pytest.raises(UnavailableError, match=rf"127\.0\.0\.1:{port}.*trio-durable sidecar"):
                await client.schedule_new_orchestration("any")
            with pytest.raises(UnavailableError):
                await client.wait_for_orchestration_completion("any")


async def test_a_worker_waits_for_its_sidecar_and_says_so(caplog):
    with held_port() as port, trio.fail_after(PATIENCE):
        worker = Worker(f"127.0.0.1:{port}")
        worker.add_orchestrator(flows.falsy)
        worker.add_activity(flows.same)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(worker.serve)
            while f"no work from the sidecar at 127.0.0.1:{port}" not in caplog.text:
                await trio.sleep(0.02)
            assert "trying again in" in caplog.text
            async with open_sidecar() as sidecar:
                address = await sidecar.serve(port=port)
                async with Client(address) as client:
                    instance_id = await client.schedule_new_orchestration(flows.falsy)
                    state = await client.wait_for_orchestration_completion(instance_id)
                    assert state.runtime_status is OrchestrationStatus.COMPLETED
                nursery.cancel_scope.cancel()


async def _until(client, instance_id, status):
    with trio.fail_after(PATIENCE):
        while (await client.get_orchestration_state(instance_id)).runtime_status is not status:
            await trio.sleep(0.01)
