"""How a service batches its events makes no difference, in whatever order they come.

Random structured programs with activities: answers and firings come in any order.  Once each has a turn of its own,
once several come in one turn, once the worker forgets everything before each turn.  The actions and their ids are the
same, and so is the end, whether the program races or not: the order of the events is what decides, never their turns.
"""

from __future__ import annotations

from typing import Any

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.core.conftest import Script
from tests.durable.kit import DURABLE_TRIO, Recorder
from tests.durable.test_structured import Interpreter, blocks, times
from trio_durable._core import events as ev
from trio_durable._core.mailbox import CANCEL_EVENT
from trio_durable._core.replay import Replay
from trio_durable._durable.vocabulary import TRIO
from trio_durable._errors import TaskFailedError

leaves = st.one_of(
    st.just(("activity",)),
    st.just(("activity",)),
    st.just(("event",)),
    st.tuples(st.just("sleep"), times),
    st.tuples(st.just("raise"), st.integers(0, 2)),
    st.tuples(st.just("cancel"), st.integers(0, 2)),
    st.tuples(st.just("move deadline"), st.integers(0, 2), times),
    st.tuples(st.just("lock"), times),
)
statements = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(st.just("scope"), times, st.booleans(), blocks(inner)),
        st.tuples(st.just("fail after"), times, blocks(inner)),
        st.tuples(st.just("nursery"), st.lists(blocks(inner), min_size=1, max_size=3), blocks(inner)),
        st.tuples(st.just("start"), blocks(inner), blocks(inner)),
        st.tuples(st.just("try"), blocks(inner)),
        st.tuples(st.just("finally"), blocks(inner), blocks(inner)),
    ),
    max_leaves=12,
)


class Durable(Interpreter):
    """The interpreter with durable work."""

    def __init__(self, replay: Replay, log: Recorder) -> None:
        self.replay = replay

    async def statement(self, where: str, statement: Any, scopes: list[Any]) -> None:
        match statement:
            case ("activity",):
                try:
                    self.log(where, await self.replay.call_activity(where, None, lambda payload: payload))
                except TaskFailedError as error:
                    raise ValueError(where) from error
            case ("event",):
                self.log(where, await self.replay.wait_for_event("e", lambda payload: payload))
            case _:
                await super().statement(where, statement, scopes)


class Side(Script):
    """One way of running a program."""

    def __init__(self, tree: list[Any], *, crash: bool = False) -> None:
        async def main(replay: Replay) -> str:
            log = Recorder()
            interpreter = Durable(replay, log)
            Interpreter.__init__(interpreter, DURABLE_TRIO, log)
            try:
                await interpreter.block("p", tree, [])
            except Exception as error:
                log(error)
            return repr(log.lines)

        super().__init__(main, crash=crash)

    def _fresh(self) -> Replay:
        return Replay("i", lambda started, replay: self.main(replay), words=TRIO)

    def confirmed(self) -> list[tuple[int, str]]:
        kinds = (ev.TaskScheduled, ev.TimerCreated)
        return sorted((e.event_id, f"{type(e).__name__} {e.name}") for e in self.history if isinstance(e, kinds))

    def event(self, what: tuple[str, int]) -> ev.Event:
        kind, number = what
        return {
            "done": lambda: self.done(number, str(number)),
            "failed": lambda: self.failed(number),
            "fired": lambda: self.fired(number),
            "raised": lambda: self.raised("e", str(number)),
            "cancel": lambda: self.raised(CANCEL_EVENT),
        }[kind]()


@settings(max_examples=250, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(statements, min_size=1, max_size=4), st.data())
def test_batching_never_matters(tree, data):
    single, batched, forgetful = Side(tree), Side(tree), Side(tree, crash=True)
    sides = (single, batched, forgetful)
    try:
        play(single, batched, forgetful, data)
    finally:
        for side in sides:
            side.replay.close()


def play(single: Side, batched: Side, forgetful: Side, data: st.DataObject) -> None:
    for side in (single, batched, forgetful):
        side.start()
    answered: set[int] = set()
    for _ in range(40):
        if single.turns[-1].complete:
            break
        waiting = [(number, kind) for number, kind in single.confirmed() if number not in answered]
        count = data.draw(st.integers(1, 4))
        chosen = data.draw(st.lists(st.sampled_from(waiting), max_size=count, unique=True)) if waiting else []
        answered |= {number for number, _ in chosen}
        batch = [
            ("fired", number) if kind.startswith("Timer") else (data.draw(st.sampled_from(["done", "failed"])), number)
            for number, kind in chosen
        ]
        if data.draw(st.integers(0, 4)) == 0:
            batch.insert(data.draw(st.integers(0, len(batch))), ("raised", count))
        if data.draw(st.integers(0, 19)) == 0:
            batch.append(("cancel", 0))
        if not batch:
            continue
        for number, what in enumerate(batch):
            # The clock stands still between these turns: they are one turn's events, a turn each.
            single.turn(single.event(what), seconds=0 if number else 1)
            if single.turns[-1].complete:
                break
        for side in (batched, forgetful):
            side.turn(*[side.event(what) for what in batch])
            assert side.confirmed() == single.confirmed()
            assert side.turns[-1].complete == single.turns[-1].complete
    if single.turns[-1].complete:
        assert batched.completion == single.completion
        assert forgetful.completion == single.completion
