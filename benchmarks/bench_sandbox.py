"""What the sandbox costs: plain timings, medians of repetitions. Run: python benchmarks/bench_sandbox.py

Start = new_run + instantiate; turn = entering and leaving `run.active()`; memory = tracemalloc per live instance.
"""

from __future__ import annotations

import gc
import importlib
import statistics
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable
from pathlib import Path
from typing import Any

sys.path.insert(0, str(Path(__file__).parents[1] / "sandbox"))

from trio_durable_sandbox import Sandbox

PLAIN = '''
"""An orchestration of ordinary size."""
import asyncio
import datetime
import json
import random
import time
from uuid import uuid4

LIMIT = 5


class OrderError(Exception):
    pass


def total(items):
    return sum(item["price"] for item in items)


def check(order):
    if not order["items"]:
        raise OrderError(order["id"])


async def helper(ctx, item):
    return await ctx.call_activity("price", item)


async def orchestrator(ctx, order):
    check(order)
    return total(order["items"]), time.time(), random.random(), uuid4()
'''
MODELS = "from dataclasses import dataclass\n" + "".join(
    f"@dataclass\nclass Model{i}:\n    id: int\n    name: str = ''\n    price: float = 0.0\n" for i in range(10)
)
WITH_MODELS = PLAIN + "\nfrom bench_models import " + ", ".join(f"Model{i}" for i in range(10)) + "\n"


def us(function: Callable[[], Any], number: int, repeat: int = 7) -> float:
    times = []
    for _ in range(repeat):
        gc.collect()
        start = time.perf_counter()
        for _ in range(number):
            function()
        times.append((time.perf_counter() - start) / number * 1e6)
    return statistics.median(times)


def measure(label: str, module: Any, options: dict[str, Any]) -> None:
    sandbox = Sandbox(**options)
    program = sandbox.load(module.orchestrator)

    def start() -> Any:
        run = sandbox.new_run("instance", "seed", lambda: 1_700_000_000_000_000_000)
        program.instantiate(run)
        return run

    def cycle() -> None:
        start().close()

    cycle()
    print(f"{label}\n  start and close      {us(cycle, 300):9.1f} us")
    for run in [start() for _ in range(50)]:
        run.close()
    gc.collect()
    tracemalloc.start()
    before = tracemalloc.get_traced_memory()[0]
    live = [start() for _ in range(200)]
    gc.collect()
    print(f"  memory per instance  {(tracemalloc.get_traced_memory()[0] - before) / 200 / 1024:9.1f} KiB")
    tracemalloc.stop()
    for run in live:
        run.close()
    del live
    run = start()

    def turn() -> None:
        with run.active():
            pass

    print(f"  a turn               {us(turn, 20000):9.2f} us")
    gc.collect()
    objects = len(gc.get_objects())
    for _ in range(1000):
        cycle()
    gc.collect()
    print(f"  objects left by 1,000 starts and closes {len(gc.get_objects()) - objects}")
    run.close()


GUARDED = """
from datetime import datetime
import time, random
class C:
    now = 1
    def method(self): return 1
def orchestrator(name, n):
    c, s, l = C(), {"a", "b", "c"}, [1, 2, 3]
    r = range(n)
    t = clock()
    if name == "attribute, guarded":
        for _ in r: c.now
    elif name == "attribute, other":
        for _ in r: c.method
    elif name == "datetime.now()":
        for _ in r: datetime.now()
    elif name == "time.time()":
        for _ in r: time.time()
    elif name == "random.random()":
        for _ in r: random.random()
    elif name == "iterate a list of 3":
        for _ in r:
            for x in l: pass
    elif name == "iterate a set of 3":
        for _ in r:
            for x in s: pass
    return clock() - t
"""


def operations(module: Any) -> None:
    """Single operations, inside and outside."""
    sandbox = Sandbox()
    run = sandbox.new_run("instance", "seed", lambda: 1_700_000_000_000_000_000)
    inside = sandbox.load(module.orchestrator).instantiate(run)
    print("operations, ns inside / outside")
    for name in (
        "attribute, guarded", "attribute, other", "datetime.now()", "time.time()", "random.random()",
        "iterate a list of 3", "iterate a set of 3",
    ):  # fmt: skip
        times = []
        for function in (inside, module.orchestrator):
            function.__globals__["clock"] = time.perf_counter
            with run.active():
                times.append(statistics.median(function(name, 20000) for _ in range(7)) / 20000 * 1e9)
        print(f"  {name:22} {times[0]:7.0f} / {times[1]:.0f}")
    run.close()


def audited() -> float:
    """An audited event outside of any turn."""
    return us(lambda: sys.audit("os.listdir", "/"), 100000) * 1000


def main() -> None:
    print(f"CPython {sys.version.split()[0]}")
    bare = audited()
    folder = tempfile.mkdtemp()
    files = {"bench_plain": PLAIN, "bench_models": MODELS, "bench_with_models": WITH_MODELS, "bench_guarded": GUARDED}
    for name, text in files.items():
        Path(folder, f"{name}.py").write_text(text)
    sys.path.insert(0, folder)
    plain, models = (importlib.import_module(name) for name in ("bench_plain", "bench_with_models"))
    begin = time.perf_counter()
    Sandbox()
    print(f"first Sandbox() of the process {1000 * (time.perf_counter() - begin):.0f} ms")
    code = compile(PLAIN, "bench_plain", "exec")
    print(f"plain module, executed without a sandbox {us(lambda: exec(code, {'__name__': 'bench_plain'}), 300):.1f} us")
    measure("plain module", plain, {})
    measure("module importing 10 dataclasses, passed through", models, {"passthrough": ["bench_models"]})
    measure("module importing 10 dataclasses, executed per instance", models, {})
    operations(importlib.import_module("bench_guarded"))
    print(f"an audited event outside of turns, with and without the hook: {audited():.0f} / {bare:.0f} ns")


if __name__ == "__main__":
    main()
