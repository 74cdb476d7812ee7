"""One test for each defect that earlier Python SDKs of this protocol had; each would fail on it."""

from __future__ import annotations

import random
import uuid

import pytest
import trio
import trio.testing

from tests.core.conftest import SECOND, Script, identity
from tests.loopback import held_port
from tests.patience import PATIENCE
from tests.seed_defects import flows
from trio_durable import Client, OrchestrationStatus, RetryPolicy, TaskFailedError, Worker
from trio_durable._core import events as ev
from trio_durable._core.actions import CreateTimer, ScheduleTask
from trio_durable._durable.context import OrchestrationContext
from trio_durable._wire.requests import Turn
from trio_durable.sidecar import open_sidecar
from trio_durable.testing import open_stage

EVERYTHING = {"orchestrators": flows.ORCHESTRATORS, "activities": flows.ACTIVITIES}


class Plain:
    """Payloads that are their own values."""

    encode = staticmethod(lambda value: None if value is None else str(value))
    decode = staticmethod(lambda payload, wanted=None: payload)
    name_of = staticmethod(lambda function: function)
    is_activity = staticmethod(lambda function: False)
    result_type = staticmethod(lambda function: None)


def context(replay):
    return OrchestrationContext(replay, Plain())


@pytest.fixture(params=[False, True], ids=["warm", "crash"])
def script(request):
    return lambda main: Script(main, crash=request.param)


@pytest.fixture(params=[1000, 0], ids=["kept in memory", "replayed every turn"])
async def stage(request):
    async with open_stage("memory") as stage:
        await stage.work(**EVERYTHING, max_cached_instances=request.param)
        yield stage


def test_01_when_any_gives_the_right_winner_and_schedules_its_operands_once(script):
    async def main(replay):
        ctx = context(replay)
        one, two = ctx.call_activity("one"), ctx.call_activity("two")
        first = await ctx.when_any([one, two])
        assert first == two
        again = await ctx.when_any([one, two])
        assert again == two
        return f"{first.get_result()} {await one}"

    play = script(main)
    assert [action.name for action in play.start().actions] == ["one", "two"]
    assert play.turn(play.done(2, "b")).actions == []
    play.turn(play.done(1, "a"))
    assert play.completion.result == "b a"


def test_02_when_any_with_result_tells_the_index_and_the_result(script):
    async def main(replay):
        ctx = context(replay)
        index, result = await ctx.when_any_with_result([ctx.call_activity("one"), ctx.call_activity("two")])
        return f"{index} {result}"

    play = script(main)
    play.start()
    play.turn(play.done(2, "b"))
    assert play.completion.result == "1 b"


def test_03_gather_captures_failures_and_an_empty_one_ends(script):
    async def main(replay):
        ctx = context(replay)
        assert await ctx.gather() == []
        assert await ctx.gather(return_exceptions=True) == []
        both = await ctx.gather(ctx.call_activity("one"), ctx.call_activity("two"), return_exceptions=True)
        return f"{both[0]} {type(both[1]).__name__}"

    play = script(main)
    assert len(play.start().actions) == 2
    play.turn(play.failed(2), play.done(1, "a"))
    assert play.completion.result == "a TaskFailedError"


def test_04_with_timeout_gives_the_result_or_a_real_timeout_error(script):
    async def main(replay):
        ctx = context(replay)
        in_time = await ctx.with_timeout(ctx.call_activity("quick"), 10)
        try:
            await ctx.with_timeout(ctx.call_activity("slow"), 10)
        except TimeoutError:
            return in_time

    play = script(main)
    play.start()
    play.turn(play.done(1, "quick"))
    play.turn(play.fired(4), seconds=10)
    assert play.completion.result == "quick"


async def test_05_metadata_reaches_activities_and_children(stage):
    blue = {"tenant": "blue"}
    assert (await stage.run(flows.hands_down)).get_output() == [blue, [blue, blue], blue]


async def test_06_errors_keep_their_type(stage):
    state = await stage.run(flows.raises_its_own)
    assert state.failure_details.error_type == f"{flows.__name__}.Mine"
    assert state.failure_details.error_message == "as it is"


async def test_07_uuids_differ_and_the_random_stream_goes_on(stage):
    values = (await stage.run(flows.draws)).get_output()
    assert len(values) == len(set(values)) == 27
    assert uuid.UUID(values[0]).version == 4


async def test_08_nothing_of_the_host_is_patched_and_names_imported_early_are_governed(stage):
    host = random.randint, random.random, random.choice, uuid.uuid4
    random.seed(1)
    expected = random.Random(1).random()
    one = (await stage.run(flows.draws)).get_output()
    assert host == (random.randint, random.random, random.choice, uuid.uuid4)
    assert random.random() == expected, "the host's stream was not touched"
    # `from random import randint` too comes from the instance's stream: another instance has another one, and each
    # was replayed, in one of the two parameters at every turn, without a word.
    assert one[4] != (await stage.run(flows.draws)).get_output()[4]


async def test_09_strict_governs_now_and_allows_what_can_be_deterministic(stage):
    for told in (await stage.run(flows.tells_time)).get_output():
        assert told[0] == told[2]
        # The same moment in nanoseconds, of which a datetime drops the last three digits: less than a microsecond
        # later, and a float of this size is exact to a quarter of one.
        assert -0.25e-6 <= told[1] - told[2] <= 1.25e-6
    state = await stage.run(flows.reads_the_environment)
    assert state.failure_details.error_type.endswith("SandboxViolationError")


def test_10_retries_happen_without_a_longest_interval_on_the_orchestrations_clock_with_new_ids(script):
    policy = RetryPolicy(first_retry_interval=ev_seconds(5), max_number_of_attempts=3, max_retry_interval=None)

    async def main(replay):
        return await replay.call_activity("flaky", None, identity, retry=policy)

    play = script(main)
    play.start()
    waiting = play.turn(play.failed(1)).actions
    assert [type(action) for action in waiting] == [CreateTimer]
    assert waiting[0].fire_at == play.now + 5 * SECOND
    again = play.turn(play.fired(2), seconds=5).actions
    assert [(type(action), action.id) for action in again] == [(ScheduleTask, 3)]
    play.turn(play.done(3, "at last"))
    assert play.completion.result == "at last"


def ev_seconds(count):
    from datetime import timedelta

    return timedelta(seconds=count)


def test_11_what_arrives_during_a_suspension_waits_and_nothing_is_sent(script):
    seen = []

    async def main(replay):
        ctx = context(replay)
        await ctx.wait_for_external_event("go")
        seen.append(replay.is_replaying)
        await ctx.call_activity("work")
        return "done"

    play = script(main)
    play.start()
    assert play.turn(ev.ExecutionSuspended(-1, play.now), play.raised("go")).actions == []
    assert play.turn(play.raised("other")).actions == []
    assert seen == []
    assert [action.name for action in play.turn(ev.ExecutionResumed(-1, play.now)).actions] == ["work"]


def test_11_what_was_asked_for_in_the_turn_of_the_suspension_is_sent_when_it_is_over(script):
    async def main(replay):
        ctx = context(replay)
        await ctx.wait_for_external_event("go")
        await ctx.call_activity("work")

    play = script(main)
    play.start()
    assert play.turn(play.raised("go"), ev.ExecutionSuspended(-1, play.now)).actions == []
    assert play.turn(play.raised("other")).actions == []
    assert [action.name for action in play.turn(ev.ExecutionResumed(-1, play.now)).actions] == ["work"]


@pytest.mark.parametrize("value", [0, "", False, [], {}])
async def test_12_falsy_payloads_survive_events_terminate_and_carry_over(stage, value):
    client = stage.client
    instance_id = await client.schedule_new_orchestration(flows.carries_falsy, input={"turn": 0, "value": value})
    await client.raise_orchestration_event(instance_id, "it", data=value)
    state = await client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)
    assert state.get_output() == [value, value, value]
    assert [type(each) for each in state.get_output()] == [type(value)] * 3
    ended = await client.schedule_new_orchestration(flows.waits)
    await client.terminate_orchestration(ended, output=value)
    state = await client.get_orchestration_state(ended)
    assert (state.get_output(), type(state.get_output())) == (value, type(value))


def test_13_a_result_that_comes_before_its_action_is_not_lost(script):
    async def main(replay):
        ctx = context(replay)
        await ctx.wait_for_external_event("go")
        return await ctx.call_activity("work")

    play = script(main)
    play.start()
    play.turn(play.done(2, "early"))
    play.turn(play.raised("go"))
    assert play.completion.result == "early"


async def test_14_a_worker_heals_when_the_sidecar_was_away(tmp_path):
    path = tmp_path / "hub.db"
    with held_port() as port:
        async with trio.open_nursery() as nursery:
            async with open_sidecar(path) as sidecar:
                address = await sidecar.serve(port=port)
                worker = Worker(address)
                worker.add_orchestrator(flows.waits_then_works)
                worker.add_activity(flows.echo)
                await nursery.start(worker.serve)
                async with Client(address) as client:
                    instance_id = await client.schedule_new_orchestration(flows.waits_then_works)
                    await client.wait_for_orchestration_start(instance_id, timeout=PATIENCE)
            async with open_sidecar(path) as sidecar:
                await sidecar.serve(port=port)
                async with Client(address) as client:
                    await client.raise_orchestration_event(instance_id, "go", data="healed")
                    state = await client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)
                    assert state.get_output() == "healed"
            nursery.cancel_scope.cancel()


async def test_15_a_message_of_more_than_4_mib_arrives_or_fails_but_never_loops():
    size = 5 * 1024 * 1024
    for limit, status in ((None, OrchestrationStatus.COMPLETED), (1024 * 1024, OrchestrationStatus.FAILED)):
        async with open_sidecar() as sidecar, trio.open_nursery() as nursery:
            address = await sidecar.serve(max_message_length=limit)
            worker = Worker(address)
            worker.add_orchestrator(flows.gets_large)
            worker.add_activity(flows.large)
            await nursery.start(worker.serve)
            async with Client(address) as client:
                instance_id = await client.schedule_new_orchestration(flows.gets_large, input=size)
                state = await client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)
            assert state.runtime_status is status
            if limit is None:
                assert state.get_output() == size
            else:
                assert "too large" in state.failure_details.error_message
            nursery.cancel_scope.cancel()


@pytest.mark.parametrize("flow", [flows.catches, flows.catches_generator])
async def test_16_try_and_except_work_around_an_activity(stage, flow):
    assert (await stage.run(flow)).get_output() == [["Sold", "KeyError"], "finally"]


def test_17_a_kept_instance_is_not_poisoned_by_an_answer_that_did_not_count():
    async def main(ctx, _):
        first = await ctx.call_activity("one")
        return await ctx.call_activity("two", input=f"after {first}")

    worker = Worker("127.0.0.1:1", sandbox="off")
    worker.add_orchestrator(main, name="main")
    turns = worker._turns
    begin = [ev.OrchestratorStarted(-1, SECOND), ev.ExecutionStarted(-1, SECOND, "main", None, "i", "e")]
    asked = turns.run(Turn("i", "e", [], begin)).actions[0]
    history = [*begin, ev.TaskScheduled(1, SECOND, "one", None, None, asked.task_execution_id)]

    def hears(result, at):
        return [ev.OrchestratorStarted(-1, at * SECOND), ev.TaskCompleted(-1, at * SECOND, 1, result)]

    late = turns.run(Turn("i", "e", history, hears('"late"', 2)))
    assert late.actions[0].input == '"after late"'
    # That answer was discarded; the sidecar recorded another worker's, or none, and asks again.
    fresh = turns.run(Turn("i", "e", history, hears('"good"', 3)))
    assert fresh.actions[0].input == '"after good"'
    turns.close()


async def test_18_metadata_status_and_continue_as_new_together_lose_nothing(stage):
    client = stage.client
    instance_id = await client.schedule_new_orchestration(flows.everything_at_once, input=0)
    await client.raise_orchestration_event(instance_id, "early", data="luggage")
    state = await client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)
    assert state.get_output() == [{"kept": "yes"}, "luggage"]
    assert state.get_custom_status() == {"generation": 2}


async def test_19_the_event_loop_goes_on_while_a_lone_worker_reconnects(mock_clock, caplog):
    """Trio's clock stands still here: who waits on it lets the loop go on, who waits elsewhere does not wait."""
    caplog.set_level("INFO", "trio_durable.worker")

    def attempts():
        return sum("trying again" in record.message for record in caplog.records)

    with held_port() as port:
        worker = Worker(f"127.0.0.1:{port}")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(worker.serve)
            for number in range(1, 6):
                while attempts() < number:
                    await trio.testing.wait_all_tasks_blocked()
                for _ in range(20):  # everybody waits, and we are here
                    await trio.testing.wait_all_tasks_blocked()
                assert attempts() == number
                mock_clock.jump(60)
            nursery.cancel_scope.cancel()


def test_every_defect_has_its_test():
    numbered = sorted(name for name in globals() if name.startswith("test_") and name[5:7].isdigit())
    assert sorted({int(name[5:7]) for name in numbered}) == list(range(1, 20))
    assert issubclass(TaskFailedError, Exception)
