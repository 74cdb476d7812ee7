"""What a call costs: our channel beside grpcio's aio client and stock grpclib on asyncio, in one interleaved run.

    python benchmarks/bench_rpc.py [--rounds 5] [--seconds 0.6]

All clients call one neutral server, a grpcio aio server in the peer environment (`make peers`), with raw bytes over
loopback.  Every measurement is a fresh process; the order of the variants is shuffled each round.  CPU is the
`process_time` of the whole client per operation, median over the rounds; on a shared machine only the ratios mean
anything, and the calls per second are capped by the server.
"""

from __future__ import annotations

import argparse
import json
import random
import statistics
import subprocess
import sys
import time
from functools import partial
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
ECHO = "/trio.durable.test.Peer/Echo"
COUNT = "/trio.durable.test.Peer/StreamCount"
SCENARIOS = {  # name: (request size, callers); None: a stream of 8,000 messages of 200 bytes
    "200 B x 1": (200, 1),
    "200 B x 64": (200, 64),
    "100 KiB x 1": (102400, 1),
    "100 KiB x 64": (102400, 64),
    "stream": None,
}
VARIANTS = ["grpcio aio", "grpclib asyncio", "ours", "ours, thread"]
# Targets: (scenario, in terms of, at most).
TARGETS = [
    ("200 B x 1", "grpcio aio", 1.5),
    ("200 B x 64", "grpcio aio", 1.5),
    ("100 KiB x 1", "grpcio aio", 1.7),
    ("100 KiB x 64", "grpcio aio", 1.7),
    ("stream", "grpcio aio", 0.7),
    ("200 B x 1", "grpclib asyncio", 0.85),
    ("200 B x 64", "grpclib asyncio", 0.85),
    ("100 KiB x 1", "grpclib asyncio", 0.85),
    ("100 KiB x 64", "grpclib asyncio", 0.85),
]
P50_TARGET = 1.25  # of grpcio aio, one caller, 200 bytes


# -- one measurement, in a process of its own


class Meter:
    """Counts operations between two readings of the clocks."""

    def __init__(self, seconds: float) -> None:
        self.cpu, self.start = time.process_time(), time.perf_counter()
        self.end = self.start + seconds
        self.latencies: list[float] = []

    def result(self, operations: int) -> dict[str, float]:
        cpu, wall = time.process_time() - self.cpu, time.perf_counter() - self.start
        p50 = statistics.median(self.latencies) * 1e3 if self.latencies else 0.0
        return {"cpu_us": cpu / operations * 1e6, "rate": operations / wall, "p50_ms": p50}


async def caller(meter: Meter, call: Any) -> None:
    while (begun := time.perf_counter()) < meter.end:
        await call()
        meter.latencies.append(time.perf_counter() - begun)


async def measure_ours(port: int, scenario: str, seconds: float, io: Any) -> dict[str, float]:
    import trio
    from grpclib.const import Cardinality

    from trio_durable._rpc import open_channel

    async with open_channel(f"127.0.0.1:{port}", io=io) as channel:

        async def call(request: bytes) -> None:
            async with channel.request(ECHO, Cardinality.UNARY_UNARY, bytes, bytes) as stream:
                await stream.send_message(request, end=True)
                await stream.recv_message()

        async def read() -> int:
            async with channel.request(COUNT, Cardinality.UNARY_STREAM, bytes, bytes) as stream:
                await stream.send_message(b"8000 200", end=True)
                return sum([1 async for _ in stream])

        return await run(scenario, seconds, call, read, trio.open_nursery)


async def measure_grpclib(port: int, scenario: str, seconds: float) -> dict[str, float]:
    import asyncio

    from grpclib.client import Channel
    from grpclib.const import Cardinality
    from grpclib.encoding.base import CodecBase

    class Raw(CodecBase):
        __content_subtype__ = "proto"

        def encode(self, message: Any, message_type: Any) -> bytes:
            return bytes(message)

        def decode(self, data: bytes, message_type: Any) -> Any:
            return data

    channel = Channel("127.0.0.1", port, codec=Raw())

    async def call(request: bytes) -> None:
        async with channel.request(ECHO, Cardinality.UNARY_UNARY, bytes, bytes) as stream:
            await stream.send_message(request, end=True)
            await stream.recv_message()

    async def read() -> int:
        async with channel.request(COUNT, Cardinality.UNARY_STREAM, bytes, bytes) as stream:
            await stream.send_message(b"8000 200", end=True)
            return sum([1 async for _ in stream])

    try:
        return await run(scenario, seconds, call, read, partial(AsyncioGroup, asyncio))
    finally:
        channel.close()


async def measure_grpcio(port: int, scenario: str, seconds: float) -> dict[str, float]:
    import asyncio

    import grpc

    async with grpc.aio.insecure_channel(f"127.0.0.1:{port}") as channel:
        unary, streaming = channel.unary_unary(ECHO), channel.unary_stream(COUNT)

        async def call(request: bytes) -> None:
            await unary(request)

        async def read() -> int:
            return sum([1 async for _ in streaming(b"8000 200")])

        return await run(scenario, seconds, call, read, partial(AsyncioGroup, asyncio))


class AsyncioGroup:
    """asyncio.TaskGroup with the one method of a nursery that is used here."""

    def __init__(self, asyncio: Any) -> None:
        self.group = asyncio.TaskGroup()

    async def __aenter__(self) -> AsyncioGroup:
        await self.group.__aenter__()
        return self

    async def __aexit__(self, *exc: Any) -> None:
        await self.group.__aexit__(*exc)

    def start_soon(self, function: Any, *args: Any) -> None:
        self.group.create_task(function(*args))


async def run(scenario: str, seconds: float, call: Any, read: Any, group: Any) -> dict[str, float]:
    shape = SCENARIOS[scenario]
    if shape is None:
        await read()
        meter, messages = Meter(seconds), 0
        while time.perf_counter() < meter.end:
            messages += await read()
        return meter.result(messages)
    size, callers = shape
    request = bytes(size)
    for _ in range(50):
        await call(request)
    meter = Meter(seconds)
    async with group() as tasks:
        for _ in range(callers):
            tasks.start_soon(caller, meter, partial(call, request))
    return meter.result(len(meter.latencies))


def child(variant: str, port: int, seconds: float) -> None:
    results = {}
    for scenario in SCENARIOS:
        if variant.startswith("ours"):
            import trio

            io = "thread" if "thread" in variant else "inline"
            results[scenario] = trio.run(measure_ours, port, scenario, seconds, io)
        else:
            import asyncio

            measure = measure_grpcio if variant == "grpcio aio" else measure_grpclib
            results[scenario] = asyncio.run(measure(port, scenario, seconds))
    print(json.dumps(results))


# -- the run


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--seconds", type=float, default=0.6, help="per scenario and process")
    parser.add_argument("--quick", action="store_true", help="one round: a smoke test, no measurement")
    parser.add_argument("--child", nargs=2, metavar=("VARIANT", "PORT"), help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.child:
        child(options.child[0], int(options.child[1]), options.seconds)
        return 0
    sys.path.insert(0, str(ROOT))
    from tests import peers

    try:
        peer = str(peers.python("grpcio"))
    except peers.MissingPeerError as error:
        print(error, file=sys.stderr)
        return 1
    found: dict[str, dict[str, list[dict[str, float]]]] = {name: {key: [] for key in SCENARIOS} for name in VARIANTS}
    rounds = 1 if options.quick else options.rounds
    for number in range(rounds):
        server = subprocess.Popen(
            [peer, str(ROOT / "tests/rpc/peers/grpcio_server.py"), "{}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
        )
        try:
            assert server.stdout is not None
            port = json.loads(server.stdout.readline())["port"]
            for variant in random.sample(VARIANTS, len(VARIANTS)):
                python = peer if variant == "grpcio aio" else sys.executable
                command = [python, __file__, "--seconds", str(options.seconds), "--child", variant, str(port)]
                results = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE, cwd=ROOT).stdout)
                for scenario, result in results.items():
                    found[variant][scenario].append(result)
        finally:
            server.kill()
            server.communicate()
        print(f"round {number + 1} of {rounds} done", file=sys.stderr)
    return report(found)


def report(found: dict[str, dict[str, list[dict[str, float]]]]) -> int:
    def middle(variant: str, scenario: str, what: str) -> float:
        return statistics.median(result[what] for result in found[variant][scenario])

    print(f"\n{'CPU us per operation':24}" + "".join(f"{name:>16}" for name in SCENARIOS))
    for variant in VARIANTS:
        print(f"{variant:24}" + "".join(f"{middle(variant, name, 'cpu_us'):16.1f}" for name in SCENARIOS))
    print(f"\n{'operations per second':24}" + "".join(f"{name:>16}" for name in SCENARIOS))
    for variant in VARIANTS:
        print(f"{variant:24}" + "".join(f"{middle(variant, name, 'rate'):16,.0f}" for name in SCENARIOS))
    print("\nours against the targets (ratios of one round each, their median)")
    missed = 0

    def row(text: str, ratio: float, target: float) -> None:
        nonlocal missed
        missed += ratio > target
        print(f"  {text:44}{ratio:6.2f}   at most {target:.2f}   {'missed' if ratio > target else 'met'}")

    for scenario, other, target in TARGETS:
        pairs = zip(found["ours"][scenario], found[other][scenario], strict=True)
        row(f"CPU, {scenario}, of {other}", statistics.median(a["cpu_us"] / b["cpu_us"] for a, b in pairs), target)
    pairs = zip(found["ours"]["200 B x 1"], found["grpcio aio"]["200 B x 1"], strict=True)
    row("p50, 200 B x 1, of grpcio aio", statistics.median(a["p50_ms"] / b["p50_ms"] for a, b in pairs), P50_TARGET)
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
