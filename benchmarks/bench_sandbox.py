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


def main() -> None:
    folder = tempfile.mkdtemp()
    for name, text in {"bench_plain": PLAIN, "bench_models": MODELS, "bench_with_models": WITH_MODELS}.items():
        Path(folder, f"{name}.py").write_text(text)
    sys.path.insert(0, folder)
    print(f"CPython {sys.version.split()[0]}")
    for name, options in (
        ("bench_plain", {}),
        ("bench_with_models", {"passthrough": ["bench_models"]}),
        ("bench_with_models", {}),
    ):
        module = importlib.import_module(name)
        sandbox = Sandbox(**options)
        program = sandbox.load(module.orchestrator)

        def start() -> Any:
            run = sandbox.new_run("instance", "seed", lambda: 1_700_000_000_000_000_000)
            program.instantiate(run)
            return run

        def cycle() -> None:
            start().close()

        cycle()
        label = f"{name}{' (models passed through)' if options else ''}"
        code = sandbox.importer.units[name].code
        assert code is not None
        bare = us(lambda: exec(code, {"__name__": name, "__builtins__": program_builtins()}), 300) if 0 else None
        del bare
        print(f"{label}: start and close {us(cycle, 300):8.1f} us")
        live = [start() for _ in range(50)]
        gc.collect()
        tracemalloc.start()
        before = tracemalloc.get_traced_memory()[0]
        live = [start() for _ in range(200)]
        gc.collect()
        print(f"{label}: memory per live instance {(tracemalloc.get_traced_memory()[0] - before) / 200 / 1024:6.1f} KiB")
        tracemalloc.stop()
        for run in live:
            run.close()
        live.clear()
        run = start()

        def turn(run: Any = run) -> None:
            with run.active():
                pass

        print(f"{label}: a turn {us(turn, 20000):8.3f} us")
        gc.collect()
        objects = len(gc.get_objects())
        for _ in range(1000):
            cycle()
        gc.collect()
        print(f"{label}: objects left after 1,000 cycles {len(gc.get_objects()) - objects}")


def program_builtins() -> dict[str, Any]:
    import builtins

    return vars(builtins)


if __name__ == "__main__":
    main()
