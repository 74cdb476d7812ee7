"""The durable Trio beside real Trio, in one run.  Run: python benchmarks/bench_durable.py [--quick]

Each program is the same function, given one Trio or the other; what is timed is the inside of it, in alternation, and
the best of the repetitions counts.  The ratios flatter the durable Trio a little: it handles no KeyboardInterrupt of
its own, has no instruments and no I/O to look at between two batches.

Then what an orchestration with many children costs a turn, at the worker half (`Replay.turn`): no decoding, no I/O.
"""

from __future__ import annotations

import argparse
import statistics
import sys
import time
from collections.abc import Awaitable, Callable
from typing import Any

import trio as real_trio

from trio_durable._core import events as ev
from trio_durable._core.replay import Replay
from trio_durable._durable.trio_facade import trio_facade
from trio_durable._durable.vocabulary import TRIO

Program = Callable[[Any, int], Awaitable[None]]
CHILDREN = 1_000
#: microseconds that a warm turn with one completion may take
TURN_LIMIT = 10.0


async def spawn(trio: Any, count: int) -> None:
    async def child() -> None:
        pass

    async with trio.open_nursery() as nursery:
        for _ in range(count):
            nursery.start_soon(child)


async def checkpoint(trio: Any, count: int) -> None:
    point = trio.lowlevel.checkpoint
    for _ in range(count):
        await point()


async def scope(trio: Any, count: int) -> None:
    for _ in range(count):
        with trio.CancelScope():
            pass


async def nursery(trio: Any, count: int) -> None:
    for _ in range(count):
        async with trio.open_nursery():
            pass


async def move_on_after(trio: Any, count: int) -> None:
    for _ in range(count):
        with trio.move_on_after(60):
            pass


async def channel_item(trio: Any, count: int) -> None:
    send, receive = trio.open_memory_channel(0)

    async def producer() -> None:
        async with send:
            for number in range(count):
                await send.send(number)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(producer)
        async for _ in receive:
            pass


async def lock(trio: Any, count: int) -> None:
    one = trio.Lock()
    for _ in range(count):
        async with one:
            pass


#: The program, and whether it must be cheaper than on real Trio.
PROGRAMS: dict[Program, bool] = {
    spawn: True,
    checkpoint: True,
    scope: True,
    nursery: True,
    move_on_after: False,
    channel_item: False,
    lock: False,
}


async def timed(program: Program, trio: Any, count: int) -> float:
    began = time.perf_counter()
    await program(trio, count)
    return (time.perf_counter() - began) / count


def on_real(program: Program, count: int) -> float:
    return real_trio.run(timed, program, real_trio, count)


def on_durable(program: Program, count: int) -> float:
    result: list[float] = []

    async def main() -> None:
        result.append(await timed(program, trio_facade(), count))

    replay = Replay("bench", lambda started, replay: main(), words=TRIO)
    replay.turn([], [ev.OrchestratorStarted(-1, 1), ev.ExecutionStarted(-1, 1, "main", None, "bench", "e")])
    replay.close()
    return result[0]


def turns(repetitions: int) -> tuple[float, float, float]:
    """Seconds of the first turn of CHILDREN children, of a warm turn with one completion, and of all in one turn."""
    trio = trio_facade()

    async def main(replay: Replay) -> None:
        async def child(number: int) -> None:
            await replay.call_activity("work", None, lambda payload: payload)

        async with trio.open_nursery() as nursery:
            for number in range(CHILDREN):
                nursery.start_soon(child, number)

    def begun() -> tuple[Replay, float, list[ev.Event]]:
        replay = Replay("bench", lambda started, replay: main(replay), words=TRIO)
        began = time.perf_counter()
        outcome = replay.turn([], [ev.OrchestratorStarted(-1, 1), ev.ExecutionStarted(-1, 1, "main")])
        took = time.perf_counter() - began
        return replay, took, [ev.TaskScheduled(action.id, 1, "work") for action in outcome.actions]

    first, warm, together = [], [], []
    for _ in range(repetitions):
        replay, took, confirmed = begun()
        first.append(took)
        replay.turn(confirmed, [ev.OrchestratorStarted(-1, 2)])
        singles = []
        for number in range(1, CHILDREN):
            new = [ev.OrchestratorStarted(-1, 2), ev.TaskCompleted(-1, 2, number, None)]
            began = time.perf_counter()
            replay.turn((), new)
            singles.append(time.perf_counter() - began)
        warm.append(statistics.median(singles))
        replay.close()
        replay, _, confirmed = begun()
        replay.turn(confirmed, [ev.OrchestratorStarted(-1, 2)])
        new = [ev.OrchestratorStarted(-1, 2), *(ev.TaskCompleted(-1, 2, n, None) for n in range(1, CHILDREN + 1))]
        began = time.perf_counter()
        assert replay.turn((), new).complete
        together.append(time.perf_counter() - began)
        replay.close()
    return min(first), min(warm), min(together)


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--quick", action="store_true", help="fewer repetitions: a smoke test, no measurement")
    options = parser.parse_args()
    repetitions, count = (3, 300) if options.quick else (15, 3_000)
    missed = []
    print(f"{'us each':16}{'real Trio':>12}{'durable':>12}{'ratio':>8}")
    for program, must in PROGRAMS.items():
        name = program.__name__  # type: ignore[attr-defined]
        real, durable = [], []
        for _ in range(repetitions):
            real.append(on_real(program, count))
            durable.append(on_durable(program, count))
        ratio = min(durable) / min(real)
        verdict = ("PASS" if ratio < 1 else "FAIL") if must else ""
        print(f"{name:16}{min(real) * 1e6:12.2f}{min(durable) * 1e6:12.2f}{ratio:8.2f}  {verdict}")
        if verdict == "FAIL":
            missed.append(name)
    first, warm, together = turns(2 if options.quick else 7)
    verdict = "PASS" if warm * 1e6 < TURN_LIMIT else "FAIL"
    print(f"{CHILDREN} children: first turn {first * 1e3:.2f} ms, all completions in one turn {together * 1e3:.2f} ms")
    print(f"a warm turn with one completion among them: {warm * 1e6:.2f} us  {verdict}")
    if verdict == "FAIL":
        missed.append("warm turn")
    print("FAIL: " + ", ".join(missed) if missed else "PASS")
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
