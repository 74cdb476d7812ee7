"""One side of `bench_sandbox`: `python sandbox_child.py ours|temporal`. Reads names of measurements, answers in JSON.

A process per side, because Temporal's sandbox changes the process it runs in; one interpreter and one environment for
both. The parent asks the two in turns, so that a noisy moment of the machine hits both.

Start = everything between the request for an instance and the first turn. Turn = one turn minus the same turn without
a sandbox. Memory = tracemalloc per live instance. Left = garbage-collector objects and resident memory after 1,000
starts and closes. Host = processor time of a mix of ordinary operations on another thread, while turns and starts go
on, over that while a thread executes the same code without a sandbox.
"""

from __future__ import annotations

import gc
import importlib
import json
import os
import sys
import tempfile
import threading
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from types import SimpleNamespace
from typing import Any

NOW = 1_700_000_000_000_000_000

PLAIN = '''
"""An orchestration of ordinary size, with state of its own: executed per instance by both."""
import asyncio
import datetime
import json
import math
import re
from uuid import UUID

LIMIT = 5
seen = {}


class OrderError(Exception):
    pass


def total(items):
    return sum(item["price"] for item in items)


def check(order):
    seen[order["id"]] = order
    if not order["items"]:
        raise OrderError(order["id"])


async def helper(ctx, item):
    return await ctx.call_activity("price", item)
'''
DATACLASSES = "from dataclasses import dataclass\n" + "".join(
    f"@dataclass\nclass Model{i}:\n    id: int\n    name: str = ''\n    price: float = 0.0\n" for i in range(10)
)
PYDANTIC = "from pydantic import BaseModel\n" + "".join(
    f"class Model{i}(BaseModel):\n    id: int\n    name: str = ''\n    price: float = 0.0\n" for i in range(10)
)
NAMES = ", ".join(f"Model{i}" for i in range(10))
USES = {"plain": "", "dataclasses": f"from bench_dataclasses import {NAMES}\n"}
USES["pydantic"] = f"from bench_pydantic import {NAMES}\n"
FLOW = "import asyncio\n" + DATACLASSES + "async def wait(seconds):\n    await asyncio.sleep(seconds)\n"
"""A flow and its models in one file, without state; Temporal's sandbox executes a workflow's own file for each run."""


class Ours:
    """What the measurements need of trio_durable_sandbox."""

    main = "async def main(pause):\n    while True:\n        await pause\n"

    def __init__(self) -> None:
        sys.path.insert(0, str(Path(__file__).resolve().parents[1] / "sandbox"))

    def starter(self, kind: str, again: bool) -> Callable[[], Any]:
        from trio_durable_sandbox import Sandbox

        module = importlib.import_module(f"bench_with_{kind}")
        sandbox = Sandbox(isolate=[f"bench_{kind}"] if again else [])
        if kind == "flow":  # as the SDK does it; the others meet the asyncio that refuses
            sandbox.replace_module("asyncio", lambda run: SimpleNamespace(), shared=True)
        program = sandbox.load(module.main)

        def start() -> Any:
            run = sandbox.new_run("instance", "seed", lambda: NOW)
            return run, program.instantiate(run)

        return start

    def close(self, instance: Any) -> None:
        instance[0].close()

    def turns(self) -> tuple[Callable[[], Any], Callable[[], Any]]:
        class Pause:
            def __await__(self) -> Any:
                yield

        pause = Pause()
        run, function = self.starter("plain", False)()
        with run.active():
            inside = function(pause)
        outside = importlib.import_module("bench_with_plain").main(pause)

        def turn() -> None:
            with run.active():
                inside.send(None)

        return turn, lambda: outside.send(None)


class Temporal:
    """What the measurements need of temporalio."""

    main = (
        "from temporalio import workflow\n@workflow.defn\nclass Main:\n    @workflow.run\n"
        "    async def run(self) -> None:\n        await workflow.wait_condition(lambda: False)\n"
    )

    def starter(self, kind: str, again: bool, sandboxed: bool = True) -> Callable[[], Any]:
        from tests_temporal import create, details, runners

        sandbox, bare = runners([] if again else [f"bench_{kind}"])
        definition = importlib.import_module(f"bench_with_{kind}").Main
        made = details(definition)
        runner = sandbox if sandboxed else bare
        return lambda: create(runner, made)

    def close(self, instance: Any) -> None:
        pass

    def turns(self) -> tuple[Callable[[], Any], Callable[[], Any]]:
        from tests_temporal import first_turn, next_turn

        made = []
        for sandboxed in (True, False):
            instance = self.starter("plain", True, sandboxed)()
            instance.activate(first_turn("Main"))
            act = next_turn()
            made.append(lambda instance=instance, act=act: instance.activate(act))
        return made[0], made[1]


def timed(function: Callable[[], Any], number: int) -> float:
    """Microseconds per call."""
    gc.collect()
    start = time.perf_counter()
    for _ in range(number):
        function()
    return (time.perf_counter() - start) / number * 1e6


def rss() -> int:
    return int(Path("/proc/self/statm").read_text().split()[1]) * os.sysconf("SC_PAGE_SIZE")


class Bench:
    """The measurements; what they need is made once."""

    def __init__(self, side: Any) -> None:
        self.side = side
        self.starters: dict[tuple[str, bool], Callable[[], Any]] = {}
        self.pair: Any = None

    def starter(self, kind: str, again: bool) -> Callable[[], Any]:
        if (kind, again) not in self.starters:
            self.starters[kind, again] = self.side.starter(kind, again)
        return self.starters[kind, again]

    def start(self, kind: str, again: str = "") -> float:
        start = self.starter(kind, bool(again))
        self.side.close(start())
        return timed(lambda: self.side.close(start()), 100 if isinstance(self.side, Ours) and not again else 30)

    def bare(self) -> float:
        code = compile(PLAIN, "bench_with_plain", "exec")
        return timed(lambda: exec(code, {"__name__": "bench_with_plain"}), 300)

    def turn(self) -> float:
        self.pair = self.pair or self.side.turns()
        inside, outside = self.pair
        number = 20_000 if isinstance(self.side, Ours) else 200
        return timed(inside, number) - timed(outside, number)

    def memory(self, kind: str = "plain", again: str = "") -> float:
        start = self.starter(kind, bool(again))
        for _ in range(3):
            self.side.close(start())
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        live = [start() for _ in range(50)]
        gc.collect()
        used = (tracemalloc.get_traced_memory()[0] - before) / len(live) / 1024
        tracemalloc.stop()
        for instance in live:
            self.side.close(instance)
        return used

    def left(self) -> dict[str, float]:
        start = self.starter("plain", False)

        def cycles(number: int) -> None:
            for _ in range(number):
                self.side.close(start())
            gc.collect()

        cycles(300)  # allocator and caches
        objects, resident = len(gc.get_objects()), rss()
        cycles(1000)
        return {"objects": len(gc.get_objects()) - objects, "rss_kib": (rss() - resident) / 1024}

    def host(self) -> float:
        start = self.starter("plain", False)
        code = compile(PLAIN, "bench_with_plain", "exec")
        self.turn()
        turn = self.pair[0]

        def sandboxed() -> None:
            self.side.close(start())
            for _ in range(10):
                turn()

        def plain() -> None:
            for _ in range(10):
                exec(code, {"__name__": "bench_with_plain"})

        return self._mix_while(sandboxed) / self._mix_while(plain)

    def _mix_while(self, work: Callable[[], Any]) -> float:
        stop = threading.Event()

        def busy() -> None:
            while not stop.is_set():
                work()

        thread = threading.Thread(target=busy)
        thread.start()
        try:
            mix(200)
            begin = time.thread_time()
            mix(3000)
            return time.thread_time() - begin
        finally:
            stop.set()
            thread.join()


def mix(number: int) -> int:
    """Ordinary operations of a host thread."""
    found = 0
    for i in range(number):
        import json as module

        found += isinstance(i, int) + issubclass(bool, int) + len(sys.modules["json"].__name__)
        found += isinstance(module, dict) + len(str(i)) + len([*range(5)]) + (getattr(module, "x", 0) or 0)
    return found


def main() -> None:
    side: Any = Ours() if sys.argv[1] == "ours" else Temporal()
    folder = tempfile.mkdtemp()
    sys.path[:0] = [folder, str(Path(__file__).resolve().parents[1] / "tests" / "peers")]
    Path(folder, "bench_dataclasses.py").write_text(DATACLASSES)
    Path(folder, "bench_pydantic.py").write_text(PYDANTIC)
    for kind, imports in USES.items():
        Path(folder, f"bench_with_{kind}.py").write_text(PLAIN + imports + side.main)
    Path(folder, "bench_with_flow.py").write_text(FLOW + side.main)
    bench = Bench(side)
    for line in sys.stdin:
        name, *arguments = line.split()
        print(json.dumps(getattr(bench, name)(*arguments)), flush=True)


if __name__ == "__main__":
    main()
