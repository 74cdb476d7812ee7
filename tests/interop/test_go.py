"""The same orchestrations, unchanged, on every sidecar; those on the real Go sidecar are marked `interop`."""

from __future__ import annotations

import itertools
from datetime import UTC, datetime, timedelta

import pytest
import trio

from tests.interop import flows
from tests.interop.conftest import Staged, until
from trio_durable import AlreadyExistsError, OrchestrationFailedError, OrchestrationStatus

GREETINGS = ["Hello Tokyo!", "Hello Seattle!", "Hello London!"]
SQUARES_BELOW_100 = sum(k * k for k in range(100))


@pytest.mark.parametrize("orchestrator", [flows.chain, flows.chain_generator])
async def test_chain(stage: Staged, orchestrator) -> None:
    assert await stage.output(orchestrator) == GREETINGS


@pytest.mark.parametrize("orchestrator", [flows.fan_out, flows.fan_out_generator])
async def test_fan_out_of_100(stage: Staged, orchestrator) -> None:
    assert await stage.output(orchestrator, 100) == SQUARES_BELOW_100


async def test_many_instances_at_once(stage: Staged) -> None:
    results = []

    async def one() -> None:
        results.append(await stage.output(flows.chain))

    async with trio.open_nursery() as nursery:
        for _ in range(20):
            nursery.start_soon(one)
    assert results == [GREETINGS] * 20


@pytest.mark.parametrize("first", [0, "", False, [], {}, None])
async def test_falsy_payloads(stage: Staged, first) -> None:
    result = await stage.output(flows.falsy, first)
    assert result == [first, 0, "", False, [], {}, None]
    assert [type(value) for value in result[:4]] == [type(first), int, str, bool]


async def test_a_payload_of_a_mebibyte(stage: Staged) -> None:
    text = "0123456789abcdé" * (2**20 // 16)
    assert await stage.output(flows.carries, text) == text


# -- timers -------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize("orchestrator", [flows.sleeps, flows.sleeps_generator])
async def test_timer(stage: Staged, orchestrator) -> None:
    assert await stage.output(orchestrator) >= 0.3


async def test_timers_fire_in_order(stage: Staged) -> None:
    """By the moments they are due. On a busy machine several are due by the time that the sidecar looks: then they come
    in one turn, in which the Go sidecar keeps the order in which they were asked for."""
    instance_id = await stage.start(flows.timers_in_order)
    fired = (await stage.end(instance_id)).get_output()
    assert sorted(fired) == ["first", "last", "middle"]
    due = {"first": 50, "middle": 200, "last": 400}
    if stage.kind != "go":
        assert fired == sorted(fired, key=due.__getitem__)
    turns: list[list[str]] = []
    names = iter(fired)
    for event in await stage.client.get_orchestration_history(instance_id):
        if event.kind == "OrchestratorStarted":
            turns.append([])
        elif event.kind == "TimerFired":
            turns[-1].append(next(names))
    for sooner, later in itertools.pairwise([turn for turn in turns if turn]):
        assert max(due[name] for name in sooner) < min(due[name] for name in later)


async def test_race_against_a_timer(stage: Staged) -> None:
    assert await stage.output(flows.races) == [True, "Hello you!", 49]


# -- external events ----------------------------------------------------------------------------------------------

@pytest.mark.parametrize("orchestrator", [flows.waits, flows.waits_generator])
async def test_event_in_another_case(stage: Staged, orchestrator) -> None:
    instance_id = await stage.start(orchestrator)
    await stage.client.raise_orchestration_event(instance_id, "gO", data={"n": [0, ""]})
    assert (await stage.end(instance_id)).get_output() == {"n": [0, ""]}


async def test_events_wait_for_their_reader_in_order(stage: Staged) -> None:
    instance_id = await stage.start(flows.waits_late, 3)
    for data in (1, 0, None):
        await stage.client.raise_orchestration_event(instance_id, "go", data=data)
    await stage.client.raise_orchestration_event(instance_id, "begin")
    assert (await stage.end(instance_id)).get_output() == [1, 0, None]


async def test_event_within_its_timeout(stage: Staged) -> None:
    instance_id = await stage.start(flows.waits_a_while, 60.0)
    await stage.client.raise_orchestration_event(instance_id, "go", data="in time")
    assert (await stage.end(instance_id)).get_output() == "in time"


async def test_event_after_its_timeout_goes_to_the_next_wait(stage: Staged) -> None:
    instance_id = await stage.start(flows.waits_a_while, 0.05)
    await stage.has(instance_id, "TimerFired", "TimerCreated", "TimerCreated")
    await stage.client.raise_orchestration_event(instance_id, "go", data="late")
    assert (await stage.end(instance_id)).get_output() == ["timed out", "late"]


@pytest.mark.parametrize("orchestrator", [flows.approval, flows.approval_generator])
async def test_approval(stage: Staged, orchestrator) -> None:
    instance_id = await stage.start(orchestrator, 60.0)
    await stage.client.raise_orchestration_event(instance_id, "approved", data="Ada")
    assert (await stage.end(instance_id)).get_output() == "approved by Ada"


async def test_approval_expires(stage: Staged) -> None:
    assert await stage.output(flows.approval, 0.1) == "expired"


# -- children -----------------------------------------------------------------------------------------------------

async def test_children_and_their_ids(stage: Staged) -> None:
    instance_id = await stage.start(flows.parent)
    (named, its_parent), (unnamed, other_parent) = (await stage.end(instance_id)).get_output()
    assert named == f"{instance_id}-named"
    assert unnamed.startswith(f"{instance_id}:")
    assert its_parent == other_parent == instance_id


async def test_child_in_generator_form(stage: Staged) -> None:
    assert await stage.output(flows.parent_generator) == GREETINGS


async def test_many_children(stage: Staged) -> None:
    assert await stage.output(flows.many_children, 6) == sum(k * k for n in range(6) for k in range(n))


async def test_failure_of_a_child_can_be_caught(stage: Staged) -> None:
    assert await stage.output(flows.catches_child) == ["caught", True]


async def test_terminated_child_fails_its_parent(stage: Staged) -> None:
    instance_id = await stage.start(flows.waits_for_child)
    await stage.reaches(f"{instance_id}-child", OrchestrationStatus.RUNNING)
    await stage.client.terminate_orchestration(f"{instance_id}-child")
    assert (await stage.end(instance_id)).get_output() == "the child did not make it"


# -- failures and retries -----------------------------------------------------------------------------------------

@pytest.mark.parametrize("orchestrator", [flows.fails, flows.fails_in_activity])
async def test_failure(stage: Staged, orchestrator) -> None:
    state = await stage.end(await stage.start(orchestrator))
    assert state.runtime_status is OrchestrationStatus.FAILED
    with pytest.raises(OrchestrationFailedError, match="no pears left"):
        state.raise_if_failed()


async def test_failure_of_an_activity_can_be_caught(stage: Staged) -> None:
    assert await stage.output(flows.catches) == ["OutOfStockError", "no pears left"]


async def test_unknown_activity(stage: Staged) -> None:
    with pytest.raises(OrchestrationFailedError, match="no_such_activity"):
        (await stage.end(await stage.start(flows.calls_unknown_activity))).raise_if_failed()


async def test_unknown_orchestrator(stage: Staged) -> None:
    instance_id = await stage.client.schedule_new_orchestration("no_such_orchestrator")
    with pytest.raises(OrchestrationFailedError, match="no_such_orchestrator"):
        (await stage.end(instance_id)).raise_if_failed()


@pytest.mark.parametrize("orchestrator", [flows.retries, flows.retries_generator])
async def test_retries_until_it_works(stage: Staged, orchestrator) -> None:
    assert await stage.output(orchestrator) == 3


@pytest.mark.parametrize(("orchestrator", "times"), [(flows.retries_in_vain, 3), (flows.does_not_retry, 1)])
async def test_retries_end(stage: Staged, orchestrator, times: int) -> None:
    state = await stage.end(instance_id := await stage.start(orchestrator))
    assert state.runtime_status is OrchestrationStatus.FAILED
    assert flows.attempts[instance_id] == times


async def test_retries_of_a_child(stage: Staged) -> None:
    assert await stage.output(flows.retries_child) == 3


# -- steering -----------------------------------------------------------------------------------------------------

async def test_suspended_nothing_happens_resumed_all_of_it_does(stage: Staged) -> None:
    instance_id = await stage.start(flows.waits_late, 1)
    await stage.client.suspend_orchestration(instance_id, reason="lunch")
    await stage.reaches(instance_id, OrchestrationStatus.SUSPENDED)
    await stage.client.raise_orchestration_event(instance_id, "begin")
    await stage.client.raise_orchestration_event(instance_id, "go", data="late lunch")
    await stage.has(instance_id, "EventRaised", "EventRaised")
    await stage.reaches(instance_id, OrchestrationStatus.SUSPENDED)
    await stage.client.resume_orchestration(instance_id)
    assert (await stage.end(instance_id)).get_output() == ["late lunch"]


@pytest.mark.parametrize("output", [{"because": "it was time"}, 0, ""])
async def test_terminate(stage: Staged, output) -> None:
    instance_id = await stage.start(flows.waits)
    await stage.client.terminate_orchestration(instance_id, output=output)
    state = await stage.end(instance_id)
    assert state.runtime_status is OrchestrationStatus.TERMINATED
    assert state.get_output() == output


async def test_terminate_while_suspended(stage: Staged) -> None:
    instance_id = await stage.start(flows.waits)
    await stage.client.suspend_orchestration(instance_id)
    await stage.reaches(instance_id, OrchestrationStatus.SUSPENDED)
    await stage.client.terminate_orchestration(instance_id, output="over")
    state = await stage.end(instance_id)
    assert (state.runtime_status, state.get_output()) == (OrchestrationStatus.TERMINATED, "over")


async def test_terminate_with_children(stage: Staged) -> None:
    instance_id = await stage.start(flows.waits_for_child)
    await stage.reaches(f"{instance_id}-child", OrchestrationStatus.RUNNING)
    await stage.client.terminate_orchestration(instance_id, recursive=True)
    assert (await stage.end(instance_id)).runtime_status is OrchestrationStatus.TERMINATED
    assert (await stage.end(f"{instance_id}-child")).runtime_status is OrchestrationStatus.TERMINATED


async def test_purge(stage: Staged) -> None:
    instance_id = await stage.start(flows.parent_generator)
    await stage.end(instance_id)
    assert await stage.client.purge_orchestration(instance_id, recursive=True) == 2
    assert await stage.client.get_orchestration_state(instance_id) is None


# -- the rest -----------------------------------------------------------------------------------------------------

async def test_custom_status(stage: Staged) -> None:
    instance_id = await stage.start(flows.shows_status)
    await until(stage.client, instance_id, lambda state: state.get_custom_status() == {"step": 1})
    await stage.client.raise_orchestration_event(instance_id, "go")
    state = await stage.end(instance_id)
    assert (state.get_output(), state.get_custom_status()) == ("done", {"step": 1})


async def test_continue_as_new(stage: Staged) -> None:
    assert await stage.output(flows.counts_down, 3) == "lift-off"


async def test_continue_as_new_keeps_events(stage: Staged) -> None:
    instance_id = await stage.start(flows.collects, [])
    for item in (1, 2, 3):
        await stage.client.raise_orchestration_event(instance_id, "item", data=item)
    assert (await stage.end(instance_id)).get_output() == [1, 2, 3]


async def test_a_cancel_in_the_turn_of_a_continue_as_new_is_not_lost(stage: Staged) -> None:
    instance_id = await stage.start(flows.ticks, 0)
    await stage.client.suspend_orchestration(instance_id)
    await stage.reaches(instance_id, OrchestrationStatus.SUSPENDED)
    await stage.client.raise_orchestration_event(instance_id, "tick")
    await stage.client.cancel_orchestration(instance_id, reason="enough")
    await stage.has(instance_id, "EventRaised", "EventRaised")
    await stage.client.resume_orchestration(instance_id)
    state = await stage.end(instance_id)
    assert state.runtime_status is OrchestrationStatus.CANCELED
    assert "enough" in state.failure_details.error_message


async def test_deterministic_values(stage: Staged) -> None:
    assert await stage.output(flows.deterministic) is True


async def test_duplicate_instance_id(stage: Staged) -> None:
    instance_id = await stage.start(flows.waits)
    with pytest.raises(AlreadyExistsError, match=instance_id):
        await stage.client.schedule_new_orchestration(flows.waits, instance_id=instance_id)
    await stage.client.terminate_orchestration(instance_id)
    await stage.end(instance_id)


async def test_scheduled_start(stage: Staged) -> None:
    start_at = datetime.now(UTC) + timedelta(milliseconds=400)
    instance_id = await stage.client.schedule_new_orchestration(flows.chain, start_at=start_at)
    assert (await stage.end(instance_id)).get_output() == GREETINGS
    assert datetime.now(UTC) >= start_at


async def test_unknown_instance(stage: Staged) -> None:
    assert await stage.client.get_orchestration_state("never-heard-of") is None
