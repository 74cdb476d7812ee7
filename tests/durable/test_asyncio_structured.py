"""Random programs in asyncio's words, on real asyncio in virtual time and on the durable one.

asyncio cancels the tasks of a group in the order of a set, so what happens at one moment is compared whatever its
order; and every wait has a time of its own, so that nothing else races.
"""

from __future__ import annotations

import ast
from typing import Any
from zlib import crc32

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.durable.kit import Log
from tests.durable.test_asyncio import on_asyncio, on_durable

#: Times are counted in 1024ths of a second, which floats hold exactly.
TICKS = 1024


def blocks(inner):
    return st.lists(inner, min_size=1, max_size=3)


leaves = st.one_of(
    st.just(("sleep",)),
    st.just(("sleep",)),
    st.just(("sleep 0",)),
    st.just(("raise",)),
    st.tuples(st.just("cancel"), st.integers(0, 4)),
    st.just(("cancel oneself",)),
    st.just(("shield",)),
    st.just(("put",)),
    st.just(("get",)),
    st.just(("lock",)),
    st.just(("set event",)),
    st.just(("wait event",)),
)
several = st.sampled_from(["ALL_COMPLETED", "FIRST_COMPLETED", "FIRST_EXCEPTION"])
statements = st.recursive(
    leaves,
    lambda inner: st.one_of(
        st.tuples(st.just("group"), st.lists(blocks(inner), min_size=1, max_size=3), blocks(inner)),
        st.tuples(st.just("timeout"), blocks(inner)),
        st.tuples(st.just("gather"), st.lists(blocks(inner), min_size=1, max_size=3), st.booleans()),
        st.tuples(st.just("wait"), st.lists(blocks(inner), min_size=1, max_size=3), several, st.booleans()),
        st.tuples(st.just("try"), blocks(inner)),
        st.tuples(st.just("uncancel"), blocks(inner)),
        st.tuples(st.just("finally"), blocks(inner), blocks(inner)),
    ),
    max_leaves=8,
)


class Interpreter:
    """Runs a tree in whichever asyncio it is given."""

    def __init__(self, asyncio: Any, log: Log) -> None:
        self.asyncio, self._log = asyncio, log
        self.tasks: list[Any] = []
        self.queue, self.lock, self.event = asyncio.Queue(), asyncio.Lock(), asyncio.Event()

    def log(self, *values: Any) -> None:
        self._log(*values, round(self.asyncio.get_running_loop().time() * TICKS))

    def some_time(self, where: str) -> float:
        return (1 + crc32(where.encode()) % (32 * TICKS)) / TICKS

    async def child(self, where: str, block: list[Any]) -> None:
        await self.asyncio.sleep(self.some_time(f"{where} begins"))
        await self.block(where, block)

    async def block(self, name: str, block: list[Any]) -> None:
        for number, statement in enumerate(block):
            where = f"{name}.{number}"
            try:
                await self.statement(where, statement)
            except BaseException as error:
                self.log(where, error)
                raise
            self.log(where, "done")

    async def statement(self, where: str, statement: Any) -> None:
        asyncio, seconds = self.asyncio, self.some_time(where)
        match statement:
            case ("sleep",):
                await asyncio.sleep(seconds)
            case ("sleep 0",):
                await asyncio.sleep(0)
            case ("raise",):
                raise KeyError(where)
            case ("cancel", which):
                if which < len(self.tasks) and self.tasks[which] is not asyncio.current_task():
                    self.log(where, self.tasks[which].cancel())
                await asyncio.sleep(seconds)
            case ("cancel oneself",):
                asyncio.current_task().cancel()
                await asyncio.sleep(seconds)
            case ("shield",):
                await asyncio.shield(asyncio.sleep(seconds))
            case ("put",):
                self.queue.put_nowait(where)
                await self.go_on(where)
            case ("get",):
                self.log(where, await asyncio.wait_for(self.queue.get(), seconds))
                await self.go_on(where)
            case ("lock",):
                async with self.lock:
                    await asyncio.sleep(seconds)
            case ("set event",):
                self.event.set()
                await self.go_on(where)
            case ("wait event",):
                # Nothing waits for ever: a block that takes its cancellation back would never end.
                await asyncio.wait_for(self.event.wait(), seconds)
                await self.go_on(where)
            case ("group", children, block):
                async with asyncio.TaskGroup() as group:
                    self.start(group, where, children)
                    await self.block(where, block)
            case ("timeout", block):
                async with asyncio.timeout(seconds) as limit:
                    await self.block(where, block)
                self.log(where, limit.expired())
            case ("gather", children, as_values):
                made = [self.child(f"{where}g{number}", child) for number, child in enumerate(children)]
                results = await asyncio.gather(*made, return_exceptions=as_values)
                self.log(where, [type(each).__name__ for each in results])
            case ("wait", children, return_when, limited):
                async with asyncio.TaskGroup() as group:
                    tasks = self.start(group, where, children)
                    timeout = seconds if limited else None
                    done, _ = await asyncio.wait(tasks, timeout=timeout, return_when=getattr(asyncio, return_when))
                    self.log(where, sorted(tasks.index(task) for task in done))
            case ("try", block):
                try:
                    await self.block(where, block)
                except Exception as error:
                    self.log(where, "caught", error)
            case ("uncancel", block):
                try:
                    await self.block(where, block)
                except asyncio.CancelledError:
                    self.log(where, "caught", asyncio.current_task().cancelling(), asyncio.current_task().uncancel())
            case ("finally", block, cleanup):
                try:
                    await self.block(where, block)
                finally:
                    await self.block(f"{where}f", cleanup)
            case _:
                raise AssertionError(statement)

    async def go_on(self, where: str) -> None:
        """Who wakes and who is woken part ways: `wait_for` takes more turns of the loop in Python 3.11 than later."""
        await self.asyncio.sleep(self.some_time(f"{where} goes on"))

    def start(self, group: Any, where: str, children: list[Any]) -> list[Any]:
        made = [group.create_task(self.child(f"{where}c{number}", child)) for number, child in enumerate(children)]
        self.tasks += made
        return made


def runnable(tree: list[Any]) -> Any:
    async def program(asyncio: Any, log: Log) -> Any:
        interpreter = Interpreter(asyncio, log)
        try:
            async with asyncio.timeout(300):
                await interpreter.block("p", tree)
        except BaseException as error:
            interpreter.log("end", error)

    return program


@settings(max_examples=80, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(statements, min_size=1, max_size=4))
def test_random_programs_do_what_asyncio_does(tree):
    program = runnable(tree)
    run = on_durable(program)
    trace = ast.literal_eval(run.trace[-1][1])
    assert sorted(map(repr, trace)) == sorted(map(repr, on_asyncio(program)))
    cold = on_durable(program, crash=True)
    assert (cold.trace, cold.actions) == (run.trace, run.actions)
