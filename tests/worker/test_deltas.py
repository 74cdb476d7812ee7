"""Turns without the history that the worker has seen (stateful history): nothing is lost, whatever happens between."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
import trio
import trio_durable_proto as pb
from hypothesis import event, given, settings
from hypothesis import strategies as st
from trio_durable_proto import codec

from tests.worker.test_serve import call_double, double, next_turn, serving
from trio_durable import Client, OrchestrationStatus, Worker
from trio_durable._core import events as ev
from trio_durable._core.events import Status
from trio_durable._rpc import GRPCError, RpcStatus
from trio_durable._wire.events import event_to_bytes, event_to_pb
from trio_durable._wire.requests import Activity, ActivityResult, Turn
from trio_durable._wire.splice import split_past
from trio_durable._wire.states import CreateInstance
from trio_durable._wire.work import EncodedEvents, read_work_item, with_history
from trio_durable._worker.turn import HistoryMissing, TurnRunner
from trio_durable.sidecar import open_sidecar
from trio_durable.sidecar.dispatch import Dispatcher, WorkStream
from trio_durable.sidecar.hub import Hub
from trio_durable.sidecar.stores import MemoryStore

# -- by hand: what one turn after the other brings


def encoded(*events: ev.Event) -> EncodedEvents:
    return EncodedEvents.of([event_to_bytes(each) for each in events])


async def listens(ctx):
    """Asks for timers too, which none of the histories here has."""
    return [await ctx.wait_for_external_event("n") for _ in range(5)]


def begun(execution: str = "e", now: int = 1) -> tuple[ev.Event, ...]:
    return (ev.OrchestratorStarted(-1, now), ev.ExecutionStarted(-1, now, "listens", None, "i", execution))


def raised(now: int, payload: int) -> tuple[ev.Event, ...]:
    return ev.OrchestratorStarted(-1, now), ev.EventRaised(-1, now, "n", str(payload))


def runner_of(orchestrator, keep: int = 10) -> TurnRunner:
    worker = Worker("unused", sandbox="off")
    worker.add_orchestrator(orchestrator)
    return TurnRunner(worker._registry, worker._sandbox, worker._converter, keep)


def test_a_turn_goes_on_where_its_instance_stands():
    runner = runner_of(listens)
    runner.run(Turn("i", "e", encoded(), encoded(*begun())))
    runner.run(Turn("i", "e", encoded(*begun()), encoded(*raised(2, 1))))
    runner.run(Turn("i", "e", encoded(*raised(2, 1)), encoded(*raised(3, 2)), cached=2))
    # Turns that another worker ran are history like any other.
    delta = encoded(*raised(3, 2), *raised(4, 3), *raised(5, 4))
    end = runner.run(Turn("i", "e", delta, encoded(*raised(6, 5)), cached=4)).actions[-1]
    assert end.result == "[1,2,3,4,5]"


@pytest.mark.parametrize(
    ("delta", "left_out", "execution"),
    [
        ((), 4, "e"),  # it has seen two, and what it did with the next two is not confirmed
        (raised(3, 2), 4, "e"),  # another two came in the place of its own
        (raised(2, 1), 3, "e"),  # counted wrong
        ((), 3, "e"),
        (raised(2, 1), 2, "other"),  # the same count of another execution
        (begun()[1:] + raised(2, 1), 1, "other"),
    ],
)
def test_it_does_not_go_on_with_what_does_not_fit(delta, left_out, execution):
    runner = runner_of(listens)
    runner.run(Turn("i", "e", encoded(), encoded(*begun())))
    runner.run(Turn("i", "e", encoded(*begun()), encoded(*raised(2, 1))))
    turn = Turn("i", execution, encoded(*delta), encoded(*raised(9, 9)), cached=left_out)
    with pytest.raises(HistoryMissing):
        runner.run(turn)
    # Nor later: what does not fit is gone.
    with pytest.raises(HistoryMissing):
        runner.run(Turn("i", "e", encoded(*raised(2, 1)), encoded(*raised(3, 2)), cached=2))


def test_a_whole_history_is_right_whatever_was_kept():
    runner = runner_of(listens)
    runner.run(Turn("i", "e", encoded(), encoded(*begun())))
    whole = encoded(*begun("other", 7), *raised(8, 1), *raised(9, 2), *raised(10, 3), *raised(11, 4))
    end = runner.run(Turn("i", "other", whole, encoded(*raised(12, 5)))).actions[-1]
    assert end.result == "[1,2,3,4,5]"


def test_a_history_that_was_asked_for_has_to_be_the_turns():
    def response(*events):
        return codec.encode(pb.GetInstanceHistoryResponse(events=[event_to_pb(each) for each in events]))

    history = (*begun(), *raised(2, 1), *raised(3, 2))
    turn = Turn("i", "e", encoded(*history[4:]), encoded(*raised(4, 3)), cached=4)
    whole = with_history(turn, response(*history))
    assert whole == replace(turn, past=encoded(*history), cached=None)
    # What was committed since is not this turn's.
    assert with_history(turn, response(*history, *raised(4, 3))) == whole
    assert with_history(turn, response(*history[:5])) is None
    assert with_history(turn, response(*history[:4], *raised(3, 9))) is None
    with pytest.raises(codec.DecodeError):
        with_history(turn, b"\x0a\xff")


# -- the worker


async def history_of_call_double(hub):
    """Have the hub play two turns, the first two; the history that the second one left."""
    hub.start("call_double", "5")
    (action,) = (await next_turn(hub)).actions
    return (
        ev.OrchestratorStarted(-1, 10**18),
        ev.ExecutionStarted(-1, 10**18, "call_double", "5", "i", "e"),
        ev.TaskScheduled(1, 10**18, "double", "5", None, action.task_execution_id),
    )


@pytest.mark.parametrize(("keep", "asks"), [(1000, [2]), (0, [])])
async def test_who_keeps_instances_says_so(nursery, hub, channel, keep, asks):
    async with serving(nursery, channel, orchestrators=[call_double], max_cached_instances=keep):
        await history_of_call_double(hub)
        assert [int(capability) for capability in hub.capabilities] == asks


async def test_what_is_not_in_memory_is_asked_for(nursery, hub, channel):
    options = {"orchestrators": [call_double], "activities": [double], "max_cached_instances": 1}
    async with serving(nursery, channel, **options):
        past = await history_of_call_double(hub)
        hub.start("call_double", "1", instance="another")  # and there is room for one
        await next_turn(hub)
        hub.histories["i"] = past
        hub.turn(ev.TaskCompleted(-1, 10**18, 1, "10"), past=past[2:], cached=2)
        (end,) = (await next_turn(hub)).actions
        assert (end.status, end.result) == (Status.COMPLETED, "10")
        assert hub.streams == 1


@pytest.mark.parametrize("what", ["error", "another", "nonsense"])
async def test_a_history_that_cannot_be_had_opens_the_stream_again(nursery, hub, channel, autojump_clock, what):
    async with serving(nursery, channel, orchestrators=[call_double], activities=[double]):
        past = await history_of_call_double(hub)
        if what == "error":
            hub.errors.append(GRPCError(RpcStatus.UNAVAILABLE, "not now"))
        hub.histories["i"] = past[:2] if what == "another" else past
        if what == "nonsense":
            hub.histories["i"] = b"\x0a\xff"
        hub.turn(ev.TaskCompleted(-1, 10**18, 1, "10"), past=past[1:], cached=1)
        with trio.fail_after(60):
            while hub.streams < 2:
                await trio.sleep(0.1)
        # Nobody has answered, and the sidecar hands the turn out again, whole.
        hub.turn(ev.TaskCompleted(-1, 10**18, 1, "10"), past=past)
        (end,) = (await next_turn(hub)).actions
        assert (end.status, end.result) == (Status.COMPLETED, "10")


async def story(ctx, parts: list[str]):
    told = []
    for part in parts:
        if part == "event":
            told.append(await ctx.wait_for_external_event("word"))
        elif part == "again":
            ctx.continue_as_new(parts[parts.index("again") + 1 :], save_events=True)
            return None
        else:
            told.append(sum(await ctx.when_all([ctx.call_activity("add", input=n) for n in range(3)])))
    return told


async def test_on_the_sidecar_with_room_for_few(nursery):
    """Most turns find their instance gone; each of them gets its history."""
    async with open_sidecar() as sidecar:
        worker = Worker(sidecar.channel(), max_cached_instances=2)
        worker.add_orchestrator(story)
        worker.add_activity(lambda ctx, n: n, name="add")
        await nursery.start(worker.serve)
        async with Client(sidecar.channel()) as client:
            parts = ["event", "add", "event", "again", "add", "event"]
            ids = [await client.schedule_new_orchestration(story, input=parts) for _ in range(8)]
            for word in ("a", "b", "c"):
                for instance in ids:
                    await client.raise_orchestration_event(instance, "word", data=word)
            with trio.fail_after(60):
                for instance in ids:
                    state = await client.wait_for_orchestration_completion(instance)
                    assert state.runtime_status is OrchestrationStatus.COMPLETED
                    assert state.get_output() == [3, "c"]
        nursery.cancel_scope.cancel()


# -- anything may happen


class Hand:
    """One worker: its stream, and its memory."""

    def __init__(self) -> None:
        self.stream: WorkStream | None = None
        self.runner = runner_of(story, keep=1)


class World:
    """The sidecar's own hub and dispatcher, and workers whose every turn is compared with a replay of everything."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.ids = 0
        self.now = 0
        self.hub = Hub(now=self.clock, new_id=self.new_id)
        self.dispatcher = Dispatcher(self.hub, epoch="e")
        self.hands = [Hand(), Hand(), Hand()]
        self.plain = runner_of(story, keep=0)
        self.deltas = self.missed = 0

    def clock(self) -> int:
        self.now += 1
        return self.now

    def new_id(self) -> str:
        self.ids += 1
        return f"x{self.ids}"

    def settle(self) -> None:
        while self.hub.dirty:
            batch = self.hub.take()
            self.store.commit(batch.changes)
            for instance_id in self.hub.committed(batch):
                self.dispatcher.turn_ready(instance_id)
            for task in batch.activities:
                self.dispatcher.activity_ready(task)
            self.dispatcher.assign()

    def history(self, instance_id: str) -> list[bytes]:
        return [data for _, piece in self.store.history(instance_id) for data in split_past(piece)]

    def connect(self, hand: Hand, *, keeps_history: bool = True) -> None:
        self.disconnect(hand)
        hand.stream = self.dispatcher.connect(lambda: None, keeps_history=keeps_history)
        self.dispatcher.assign()
        self.settle()

    def disconnect(self, hand: Hand) -> None:
        if hand.stream is not None:
            self.dispatcher.disconnect(hand.stream)
            hand.stream = None
            self.dispatcher.assign()
            self.settle()

    def work(self, hand: Hand, *, lose: bool = False) -> bool:
        """Do one item; whether there was one.  lose: the answer does not arrive, and the stream ends."""
        if hand.stream is None or not hand.stream.outbox:
            return False
        item, token = read_work_item(hand.stream.outbox.popleft())
        if isinstance(item, Activity):
            if not lose:
                result = ActivityResult(item.instance_id, item.task_id, item.input, completion_token=token)
                self.dispatcher.complete_activity(result)
        elif isinstance(item, Turn):
            committed = self.history(item.instance_id)
            self.deltas += item.cached is not None
            try:
                answer = hand.runner.run(item, token)
            except HistoryMissing:
                self.missed += 1
                response = codec.encode(pb.GetInstanceHistoryResponse())
                whole = with_history(item, codec.splice(response, 1, committed))
                assert whole is not None
                answer = hand.runner.run(whole, token)
            everything = replace(item, past=EncodedEvents.of(committed), cached=None)
            assert answer == self.plain.run(everything, token)
            if not lose:
                self.dispatcher.complete_turn(answer)
        if lose:
            self.disconnect(hand)
        self.dispatcher.assign()
        self.settle()
        return True


HANDS = st.integers(0, 2)
INSTANCES = st.sampled_from("ab")
STEPS = st.lists(
    st.one_of(
        st.tuples(st.just("work"), HANDS),
        st.tuples(st.just("work"), HANDS),
        st.tuples(st.just("word"), INSTANCES),
        st.tuples(st.sampled_from(["lose", "connect", "plainly", "restart", "forget", "forget"]), HANDS),
    ),
    min_size=10,
    max_size=80,
)
PARTS = st.lists(st.sampled_from(["event", "event", "add", "again"]), min_size=3, max_size=9)


@settings(max_examples=150)
@given(STEPS, st.fixed_dictionaries({"a": PARTS, "b": PARTS}))
def test_whatever_happens_each_turn_is_what_a_replay_says(steps, parts):
    world = World()
    for hand in world.hands[:2]:
        world.connect(hand)
    for name, told in parts.items():
        world.hub.start(CreateInstance("story", name, input=json.dumps(told)))
    world.settle()
    for what, whom in steps:
        if what == "word":
            world.hub.send(whom, ev.EventRaised(-1, world.clock(), "word", '"w"'))
            world.settle()
            continue
        hand = world.hands[whom]
        match what:
            case "work" | "lose":
                world.work(hand, lose=what == "lose")
            case "connect" | "plainly":
                world.connect(hand, keeps_history=what == "connect")
            case "restart":
                world.disconnect(hand)
                hand.runner.close()
                hand.runner = runner_of(story, keep=1)
                world.connect(hand)
            case "forget":
                hand.runner.close()
    for hand in world.hands:
        if hand.stream is None:
            world.connect(hand)
    # Nothing is lost: with words enough, both come to their ends.
    for _ in range(16):
        while any(world.work(hand) for hand in world.hands):
            pass
        for name in parts:
            world.hub.send(name, ev.EventRaised(-1, world.clock(), "word", '"w"'))
        world.settle()
    assert not world.hub.records
    event(f"{min(world.missed, 3)} histories asked for or more, in {min(world.deltas // 5 * 5, 20)} deltas or more")
