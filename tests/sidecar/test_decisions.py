"""The deciding half of the sidecar without its acting half: crashes, lost streams and repeated answers at every step.

The hub, the dispatcher and a store are plain objects, so Hypothesis can drive them through any interleaving: commits
that come late, a crash that loses what was not committed, streams that come and go, workers that answer twice or late.
Whatever happened, once nothing more goes wrong every orchestration ends as its code says, and no event that was ever
committed is missing from its history.
"""

from __future__ import annotations

import itertools
from contextlib import suppress

import trio_durable_proto as pb
from hypothesis import given, settings
from hypothesis import strategies as st
from trio_durable_proto import codec

from trio_durable._core import actions as ac
from trio_durable._core import events as ev
from trio_durable._core.events import Status
from trio_durable._rpc import GRPCError
from trio_durable._wire.events import event_from_bytes
from trio_durable._wire.requests import Activity, ActivityResult, Turn, TurnResult, work_from_pb
from trio_durable._wire.splice import events_in, split_past
from trio_durable._wire.states import CreateInstance, state_from_bytes
from trio_durable.sidecar import MemoryStore
from trio_durable.sidecar.dispatch import Dispatcher
from trio_durable.sidecar.hub import Hub
from trio_durable.sidecar.records import Batch

STEPS = ["commit", "commit", "commit slowly", "answer", "answer", "answer", "answer late"]
STEPS += ["repeat", "crash", "lose stream", "connect", "tick", "raise"]
ROUNDS = 2  # executions of the root


def root(events: list[ev.Event]) -> list[ac.Action]:
    """Two activities, a timer, a child and an event; once more as a new execution; then the sum of it all.

    The first execution does not wait for its second activity, whose answer then has nobody to go to.
    """
    began = next(event.timestamp for event in events if isinstance(event, ev.OrchestratorStarted))
    turn = next(event for event in events if isinstance(event, ev.ExecutionStarted)).input
    actions: list[ac.Action] = [
        ac.ScheduleTask(1, "act", f"{turn}.1"),
        ac.ScheduleTask(2, "act", f"{turn}.2"),
        ac.CreateTimer(3, began + 5),
        ac.CreateChild(4, "child", f"child-{turn}", f"{turn}.4"),
    ]
    results = {event.task_scheduled_id: event.result for event in events if hasattr(event, "task_scheduled_id")}
    fired = any(isinstance(event, ev.TimerFired) for event in events)
    heard = [event for event in events if isinstance(event, ev.EventRaised)]
    wanted = {1, 4} if turn == "0" else {1, 2, 4}
    if wanted <= set(results) and fired and heard:
        count = int(turn) + 1
        if count == ROUNDS:
            actions.append(ac.CompleteOrchestration(9, Status.COMPLETED, str(sorted(results.items()))))
        else:
            again = ac.CompleteOrchestration(9, Status.CONTINUED_AS_NEW, str(count), carryover=list(heard))
            actions.append(again)
    return actions


def child(events: list[ev.Event]) -> list[ac.Action]:
    answer = next((event.result for event in events if isinstance(event, ev.TaskCompleted)), None)
    task = ac.ScheduleTask(1, "act", next(event.input for event in events if isinstance(event, ev.ExecutionStarted)))
    return [task] if answer is None else [task, ac.CompleteOrchestration(2, Status.COMPLETED, answer)]


SCRIPTS = {"root": root, "child": child}


class World:
    """A sidecar's deciding half, its store, and workers with one hand."""

    def __init__(self) -> None:
        self.store = MemoryStore()
        self.clock = 1_000
        self.epochs = itertools.count()
        self.numbers = itertools.count()
        self.seen: list[pb.WorkItem] = []  # items that some worker took
        self.kept: dict[tuple[str, str], list[bytes]] = {}  # committed history, by execution
        self.raised: list[list[str]] = [[], []]  # payloads of events: decided, committed
        self.boot()

    def boot(self) -> None:
        self.raised[0] = []
        epoch = next(self.epochs)
        self.hub = Hub(now=lambda: self.clock, new_id=lambda: f"id{next(self.numbers)}", warm_instances=1)
        self.dispatcher = Dispatcher(self.hub, epoch=f"e{epoch}")
        self.hub.recover(self.store.recover())
        self.commit()

    def commit(self) -> None:
        self.finish(self.hub.take())

    def finish(self, batch: Batch) -> None:
        self.store.commit(batch.changes)
        self.raised[1] += self.raised[0]
        self.raised[0] = []
        for instance_id in self.hub.committed(batch):
            record = self.hub.records[instance_id]
            if record.instance is None:
                self.hub.load(record, self.store.history(instance_id))
            self.dispatcher.turn_ready(instance_id)
        for task in batch.activities:
            self.dispatcher.activity_ready(task)
        self.dispatcher.assign()
        self.check()

    def check(self) -> None:
        """History only grows, within an execution."""
        for name in self.store.instance_ids(after=None, limit=99):
            row = self.store.instance(name)
            assert row is not None
            execution = state_from_bytes(row.state).execution_id or ""
            now = [event for _, data in self.store.history(name) for event in split_past(data)]
            before = self.kept.get((name, execution), [])
            assert now[: len(before)] == before, f"{name} lost events"
            self.kept[name, execution] = now
        left = self.store.recover()
        if any(row.instance_id == "root" for row in left.instances):
            history = [event for _, data in self.store.history("root") for event in split_past(data)]
            waiting = [event.data for event in left.inbox if event.instance_id == "root"]
            events = [event_from_bytes(data) for data in history + waiting]
            heard = [event.input for event in events if isinstance(event, ev.EventRaised)]
            assert set(self.raised[1]) <= set(heard), "an event that was acknowledged is lost"
            assert len(set(heard)) == len(heard), "an event is there twice"

    def connect(self) -> None:
        self.dispatcher.connect(lambda: None, keeps_history=False)
        self.dispatcher.assign()

    def commit_slowly(self) -> None:
        """Something is decided while the disk is busy."""
        batch = self.hub.take()
        item = self.take(0)
        if item is not None:
            self.answer(item)
        self.finish(batch)

    def take(self, number: int) -> pb.WorkItem | None:
        streams = [stream for stream in self.dispatcher.streams.values() if stream.outbox]
        if not streams:
            return None
        item = codec.decode(pb.WorkItem, streams[number % len(streams)].outbox.popleft())
        self.check_offer(item)
        self.seen.append(item)
        self.dispatcher.assign()
        return item

    def check_offer(self, item: pb.WorkItem) -> None:
        """Workers learn of nothing that a crash could undo."""
        work = work_from_pb(item)
        left = self.store.recover()
        if isinstance(work, Turn):
            stored = [event_from_bytes(event.data) for event in left.inbox if event.instance_id == work.instance_id]
            current = self.hub.records.get(work.instance_id)
            if current is not None and current.turn is not None and current.turn.token == item.completion_token:
                assert all(event in stored for event in work.new[1:])
                kept = [data for _, data in self.store.history(work.instance_id)]
                assert work.past == events_in(kept)
        elif isinstance(work, Activity) and self.hub.activities.get(work.instance_id, {}).get(work.task_id):
            assert any(task.instance_id == work.instance_id for task in left.activities)

    def answer(self, item: pb.WorkItem) -> None:
        work = work_from_pb(item)
        with suppress(GRPCError):  # nobody waits for it any more
            if isinstance(work, Turn):
                events = work.past + work.new
                name = next(event.name for event in events if isinstance(event, ev.ExecutionStarted))
                done = {event.event_id for event in events}
                actions = [action for action in SCRIPTS[name](events) if action.id not in done]
                self.dispatcher.complete_turn(TurnResult(work.instance_id, actions, None, item.completion_token))
            else:
                assert isinstance(work, Activity)
                result = ActivityResult(work.instance_id, work.task_id, work.input, None, item.completion_token)
                self.dispatcher.complete_activity(result)
        self.dispatcher.assign()

    def step(self, what: str, number: int) -> None:
        if what == "commit":
            self.commit()
        elif what == "commit slowly":
            self.commit_slowly()
        elif what == "answer":
            item = self.take(number)
            if item is not None:
                self.answer(item)
        elif what == "answer late":
            self.take(number)  # the answer may come as a "repeat"
        elif what == "repeat" and self.seen:
            self.answer(self.seen[number % len(self.seen)])
        elif what == "crash":
            self.boot()
        elif what == "lose stream" and self.dispatcher.streams:
            streams = list(self.dispatcher.streams.values())
            self.dispatcher.disconnect(streams[number % len(streams)])
            self.dispatcher.assign()
        elif what == "connect":
            self.connect()
        elif what == "tick":
            self.clock += 3
            self.hub.fire_due()
        elif what == "raise":
            payload = str(next(self.numbers))
            if self.hub.send("root", ev.EventRaised(-1, self.clock, "go", payload)):
                self.raised[0].append(payload)

    def settle(self) -> None:
        """From here on nothing goes wrong."""
        for stream in list(self.dispatcher.streams.values()):
            self.dispatcher.disconnect(stream)  # items taken and never answered
        self.connect()
        self.step("raise", 0)
        for _ in range(60):
            self.commit()
            self.step("tick", 0)
            while (item := self.take(0)) is not None:
                self.answer(item)
        self.commit()


@settings(max_examples=150, deadline=None)
@given(st.lists(st.tuples(st.sampled_from(STEPS), st.integers(0, 9)), min_size=30, max_size=150))
def test_whatever_goes_wrong_the_orchestration_ends_as_its_code_says(steps):
    world = World()
    world.hub.start(CreateInstance("root", "root", "0"))
    world.commit()
    for what, number in steps:
        world.step(what, number)
    world.settle()
    states = {name: state_from_bytes(world.store.instance(name).state) for name in ("root", "child-0", "child-1")}
    assert {name: state.status for name, state in states.items()} == dict.fromkeys(states, Status.COMPLETED)
    assert states["root"].output == str(sorted({1: "1.1", 2: "1.2", 4: "1.4"}.items()))
    left = world.store.recover()
    assert (left.instances, left.inbox, left.timers, left.activities) == ([], [], [], [])
    assert world.hub.records == {}
    assert world.hub.activities == {}
    assert all(stream.load == 0 for stream in world.dispatcher.streams.values())
