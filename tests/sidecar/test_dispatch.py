"""Which item goes to whom: tokens, lost streams, several workers, workers that lack a version, warm histories."""

from __future__ import annotations

import pytest
import trio
import trio_durable_proto as pb
from grpclib.const import Cardinality
from trio.testing import wait_all_tasks_blocked

from trio_durable._core import actions as ac
from trio_durable._core import events as ev
from trio_durable._core.events import Status
from trio_durable._rpc import GRPCError
from trio_durable._wire.events import event_from_pb
from trio_durable._wire.requests import (
    Activity,
    ActivityResult,
    Turn,
    TurnResult,
    activity_result_to_pb,
    turn_result_to_pb,
    work_from_pb,
)
from trio_durable.sidecar import open_sidecar

STATEFUL = [pb.WorkerCapability.STATEFUL_HISTORY]


class Hand:
    """A worker driven by hand: it takes items and answers when the test says so."""

    def __init__(self, stub, nursery, capabilities=()):
        self.stub = stub
        self.items: list[tuple[Turn | Activity, str]] = []
        self._scope = trio.CancelScope()
        self._request = pb.GetWorkItemsRequest(capabilities=list(capabilities))
        nursery.start_soon(self._listen)

    async def _listen(self):
        with self._scope:
            async for item in self.stub.get_work_items(self._request):
                self.items.append((work_from_pb(item), item.completion_token))

    async def next(self):
        await wait_all_tasks_blocked()
        assert self.items, "no work item came"
        return self.items.pop(0)

    async def nothing(self):
        await wait_all_tasks_blocked()
        assert self.items == []

    async def vanish(self):
        self._scope.cancel()
        await wait_all_tasks_blocked()

    async def turn(self, instance_id, actions, token, status=None):
        await self.stub.complete_workflow_task(turn_result_to_pb(TurnResult(instance_id, actions, status, token)))

    async def activity(self, activity, token, result='"r"'):
        done = ActivityResult(activity.instance_id, activity.task_id, result, completion_token=token)
        await self.stub.complete_activity_task(activity_result_to_pb(done))


@pytest.fixture
async def hands(client_class):
    async with open_sidecar() as sidecar, trio.open_nursery() as nursery:
        client = client_class(sidecar.channel())

        def new_hand(capabilities=()):
            return Hand(client.stub, nursery, capabilities)

        yield client, new_hand
        nursery.cancel_scope.cancel()


END = ac.CompleteOrchestration(99, Status.COMPLETED, '"end"')


async def test_a_stale_token_is_dropped_and_an_empty_one_accepted(hands):
    client, new_hand = hands
    hand = new_hand()
    await client.start("x", "a")
    await hand.next()
    await hand.turn("a", [END], "another-token")
    assert (await client.state("a")).status is Status.PENDING
    await hand.turn("a", [END], "")
    assert (await client.state("a")).status is Status.COMPLETED
    await hand.nothing()


async def test_an_activity_is_answered_once(hands):
    client, new_hand = hands
    hand = new_hand()
    await client.start("x", "a")
    _, token = await hand.next()
    await hand.turn("a", [ac.ScheduleTask(1, "act", "1", task_execution_id="t1")], token)
    activity, token = await hand.next()
    assert (activity.name, activity.input, activity.task_execution_id) == ("act", "1", "t1")
    await hand.activity(activity, "wrong", '"no"')
    await hand.nothing()
    await hand.activity(activity, token, '"yes"')
    with pytest.raises(GRPCError, match="activity #1"):
        await hand.activity(activity, token, '"again"')
    turn, _ = await hand.next()
    done = turn.new[-1]
    assert isinstance(done, ev.TaskCompleted)
    assert (done.result, done.task_execution_id) == ('"yes"', "t1")
    await hand.nothing()


async def test_the_items_of_a_lost_stream_are_given_to_the_next(hands):
    client, new_hand = hands
    first = new_hand()
    await client.start("x", "a")
    await client.start("x", "b")
    _, token = await first.next()
    await first.turn("a", [ac.ScheduleTask(1, "act")], token)
    await first.next()
    activity, _ = await first.next()
    assert isinstance(activity, Activity)
    await first.vanish()
    second = new_hand()
    again = {type(work): (work, token) for work, token in (await second.next(), await second.next())}
    await second.nothing()
    turn, token = again[Turn]
    assert turn.instance_id == "b"
    await second.turn("b", [END], token)
    activity, token = again[Activity]
    assert activity.instance_id == "a"
    await second.activity(activity, token)
    assert (await client.state("b")).status is Status.COMPLETED


async def test_an_answer_to_a_lost_stream_counts_until_the_item_is_given_out_again(hands):
    client, new_hand = hands
    first = new_hand()
    await client.start("x", "a")
    _, token = await first.next()
    await first.vanish()
    await first.turn("a", [ac.ScheduleTask(1, "act")], token)
    second = new_hand()
    activity, old_token = await second.next()
    assert isinstance(activity, Activity)
    await second.vanish()
    third = new_hand()
    activity, token = await third.next()
    await third.activity(activity, old_token, '"old"')
    await third.nothing()
    await third.activity(activity, token, '"new"')
    turn, _ = await third.next()
    assert turn.new[-1].result == '"new"'


async def test_what_arrives_before_a_redelivery_is_in_it(hands):
    client, new_hand = hands
    first = new_hand()
    await client.start("x", "a")
    await first.next()
    await first.vanish()
    await client.raise_event("a", "go", "1")
    second = new_hand()
    turn, _ = await second.next()
    assert [type(event) for event in turn.new] == [ev.OrchestratorStarted, ev.ExecutionStarted, ev.EventRaised]


async def test_what_arrives_during_a_turn_waits_for_the_next(hands):
    client, new_hand = hands
    hand = new_hand()
    await client.start("x", "a")
    _, token = await hand.next()
    await client.raise_event("a", "go", "1")
    await hand.nothing()
    await hand.turn("a", [], token)
    turn, _ = await hand.next()
    assert [type(event) for event in turn.past] == [ev.OrchestratorStarted, ev.ExecutionStarted]
    assert [type(event) for event in turn.new] == [ev.OrchestratorStarted, ev.EventRaised]


async def test_work_is_spread_over_the_streams(hands):
    client, new_hand = hands
    one, two = new_hand(), new_hand()
    await wait_all_tasks_blocked()
    for number in range(10):
        await client.start("x", f"i{number}")
    await wait_all_tasks_blocked()
    assert (len(one.items), len(two.items)) == (5, 5)


async def test_a_stream_nobody_reads_holds_back_no_more_than_its_own(hands):
    client, new_hand = hands
    good_turns = 0

    async def work_off(hand) -> int:
        done = 0
        while True:
            await wait_all_tasks_blocked()
            if not hand.items:
                return done
            for work, token in [hand.items.pop() for _ in range(len(hand.items))]:
                await hand.turn(work.instance_id, [END], token)
                done += 1

    path = "/TaskHubSidecarService/GetWorkItems"
    call = client.stub.channel.request(path, Cardinality.UNARY_STREAM, pb.GetWorkItemsRequest, bytes)
    async with call as deaf:
        await deaf.send_message(pb.GetWorkItemsRequest(), end=True)
        await client.start("x", "first")
        await deaf.recv_message()  # it is open, and is never read again
        good = new_hand()
        for number in range(400):
            await client.start("x", f"i{number}")
        good_turns += await work_off(good)
        # what the deaf stream was given: its outbox, and what the channel holds ahead of its reader
        assert 400 - good_turns <= 64 + 66
    good_turns += await work_off(good)
    assert good_turns == 401


async def test_a_version_that_no_worker_has_stalls_until_one_comes(hands):
    client, new_hand = hands
    one, two = new_hand(), new_hand()
    await client.start("x", "a")
    await wait_all_tasks_blocked()
    first, second = (one, two) if one.items else (two, one)
    _, token = await first.next()
    await first.turn("a", [ac.VersionNotAvailable(1)], token)
    _, token = await second.next()  # the other worker is tried as well
    await first.nothing()
    assert (await client.state("a")).status is Status.PENDING
    await second.turn("a", [ac.VersionNotAvailable(1)], token)
    assert (await client.state("a")).status is Status.STALLED
    await first.nothing()
    await second.nothing()
    third = new_hand()
    await wait_all_tasks_blocked()
    taker = next(hand for hand in (one, two, third) if hand.items)
    turn, token = await taker.next()
    assert [type(event) for event in turn.new] == [ev.OrchestratorStarted, ev.ExecutionStarted]
    await taker.turn("a", [END], token)
    assert (await client.state("a")).status is Status.COMPLETED


async def test_an_activity_of_an_earlier_execution_answers_nobody(hands):
    client, new_hand = hands
    hand = new_hand()
    await client.start("x", "a")
    _, token = await hand.next()
    await hand.turn("a", [ac.ScheduleTask(1, "old")], token)
    old, old_token = await hand.next()
    await client.raise_event("a", "go")
    _, token = await hand.next()
    await hand.turn("a", [ac.CompleteOrchestration(2, Status.CONTINUED_AS_NEW, "1")], token)
    _, token = await hand.next()
    await hand.turn("a", [ac.ScheduleTask(1, "new")], token)
    new, new_token = await hand.next()
    assert (old.name, new.name) == ("old", "new")
    assert old.execution_id != new.execution_id
    await hand.activity(old, old_token, '"stale"')
    await hand.nothing()
    await hand.activity(new, new_token, '"fresh"')
    turn, _ = await hand.next()
    assert turn.new[-1].result == '"fresh"'


async def test_a_worker_that_keeps_history_is_sent_what_it_lacks(hands):
    client, new_hand = hands
    hand = new_hand(STATEFUL)
    await client.start("x", "a")
    kept: list[ev.Event] = []
    for number in range(1, 5):
        turn, token = await hand.next()
        if number >= 3:
            assert turn.cached == len(kept)  # deltas begin with the third turn
        else:
            assert turn.cached is None
        kept = [*kept[: turn.cached or 0], *turn.past]
        history = await client.history("a") if number > 1 else []
        assert kept == [event_from_pb(event) for event in history]
        await hand.turn("a", [ac.ScheduleTask(number, "act")], token)
        activity, token = await hand.next()
        await hand.activity(activity, token)
    # Another execution begins with nothing.
    _, token = await hand.next()
    await hand.turn("a", [ac.CompleteOrchestration(9, Status.CONTINUED_AS_NEW, "1")], token)
    turn, _ = await hand.next()
    assert (turn.past, turn.cached) == ([], None)


async def test_turns_prefer_the_stream_that_holds_their_history(hands):
    client, new_hand = hands
    hands_ = [new_hand(STATEFUL) for _ in range(4)]
    await wait_all_tasks_blocked()
    await client.start("x", "a")
    seen = set()
    for number in range(5):
        await wait_all_tasks_blocked()
        owner = next(hand for hand in hands_ if hand.items)
        seen.add(id(owner))
        _, token = await owner.next()
        await client.raise_event("a", "more", str(number))
        await owner.turn("a", [], token)
    assert len(seen) == 1


async def test_a_purged_instance_is_forgotten_by_its_stream(hands):
    client, new_hand = hands
    hand = new_hand()
    await client.start("x", "a")
    _, token = await hand.next()
    await client.stub.purge_instances(pb.PurgeInstancesRequest(instance_id="a", force=True))
    with pytest.raises(GRPCError, match="no turn of the instance 'a'"):
        await hand.turn("a", [END], token)
    await hand.vanish()
    await new_hand().nothing()


async def test_a_deaf_worker_s_terminate_is_enforced_over_continue_as_new(hands):
    client, new_hand = hands
    hand = new_hand()
    await client.start("x", "a")
    _, token = await hand.next()
    await hand.turn("a", [], token)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(client.stub.terminate_instance, pb.TerminateRequest(instance_id="a", output="1"))
        _, token = await hand.next()
        await hand.turn("a", [ac.CompleteOrchestration(1, Status.CONTINUED_AS_NEW, "2")], token)
    state = await client.state("a")
    assert (state.status, state.output) == (Status.TERMINATED, "1")


async def test_a_completion_that_makes_no_sense_is_refused_and_the_turn_stays(hands):
    client, new_hand = hands
    hand = new_hand()
    await client.start("x", "a")
    _, token = await hand.next()
    bad = pb.WorkflowAction(id=1, complete_workflow=pb.CompleteWorkflowAction())
    bad.complete_workflow.workflow_status = 77
    response = pb.WorkflowResponse(instance_id="a", actions=[bad], completion_token=token)
    with pytest.raises(GRPCError, match="makes no sense"):
        await client.stub.complete_workflow_task(response)
    await hand.turn("a", [END], token)
    assert (await client.state("a")).status is Status.COMPLETED
