"""What it saves that a turn comes without the history its worker has seen (the protocol's stateful history).

    python benchmarks/bench_deltas.py [--rounds 5]

Client, worker and embedded sidecar in one process, the worker behind gRPC on loopback.  Each round runs every scenario
with a worker that asks for deltas, one that keeps its instances and gets whole histories, and one that keeps nothing
and replays.  Bytes are those of all turns that the sidecar sent; seconds are the processor time of the whole process;
ratios are taken within a round.
"""

from __future__ import annotations

import argparse
import random
import statistics
import sys
import time
from pathlib import Path
from typing import Any

import trio

sys.path[:0] = [str(Path(__file__).resolve().parents[1]), str(Path(__file__).parent)]

import road_ours  # noqa: E402

from trio_durable import Client, Worker  # noqa: E402
from trio_durable._wire import calls  # noqa: E402
from trio_durable._worker import serve  # noqa: E402
from trio_durable.sidecar import dispatch, open_sidecar  # noqa: E402

SCENARIOS = ("chain of 100", "fan-out of 1,000", "2,000 events")
VARIANTS = ("deltas", "whole", "replayed")
#: At most so much of what a worker costs that keeps its instances and gets whole histories: bytes, processor time.
MOST_BYTES, MOST_CPU = 1.0, 1.05


def make_worker(address: str, variant: str) -> Worker:
    worker = road_ours.make_worker(address, keep=0 if variant == "replayed" else 1000)
    # What the stream is asked for is no option of the worker's: it asks for deltas where it can.
    serve.work_items = calls.work_items if variant == "deltas" else lambda **_: calls.work_items()  # type: ignore[attr-defined]
    return worker


async def measure(scenario: str, variant: str, quick: bool) -> tuple[int, int, float]:
    """How many turns there were, their bytes, and the seconds of processor time."""
    sizes: list[int] = []
    turn_item = dispatch.turn_item

    def counted(*arguments: Any, **options: Any) -> bytes:
        item = turn_item(*arguments, **options)
        sizes.append(len(item))
        return item

    dispatch.turn_item = counted  # type: ignore[attr-defined]
    try:
        async with open_sidecar() as sidecar, trio.open_nursery() as nursery:
            await nursery.start(make_worker(await sidecar.serve(), variant).serve)
            async with Client(sidecar.channel()) as client:
                await road_ours.warm_up(client)
                sizes.clear()
                began = time.process_time()
                await road_ours.drive(client, scenario, quick=quick)
                seconds = time.process_time() - began
            nursery.cancel_scope.cancel()
    finally:
        dispatch.turn_item = turn_item  # type: ignore[attr-defined]
        serve.work_items = calls.work_items  # type: ignore[attr-defined]
    return len(sizes), sum(sizes), seconds


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--quick", action="store_true", help="one small round: a smoke test, no measurement")
    options = parser.parse_args()
    road_ours.WAVE = 20
    rows: dict[tuple[str, str], list[tuple[int, int, float]]] = {}
    for _ in range(1 if options.quick else options.rounds):
        for scenario in SCENARIOS:
            for variant in random.sample(VARIANTS, len(VARIANTS)):
                rows.setdefault((scenario, variant), []).append(trio.run(measure, scenario, variant, options.quick))
    missed = 0
    print(f"{'':20}{'turns':>8}{'kB':>10}{'CPU s':>8}   of whole: {'bytes':>6}{'CPU':>7} [lowest, highest]")
    for scenario in SCENARIOS:
        print(scenario)
        for variant in VARIANTS:
            pairs = list(zip(rows[scenario, variant], rows[scenario, "whole"], strict=True))
            turns, size, seconds = (statistics.median(column) for column in zip(*rows[scenario, variant], strict=True))
            smaller = statistics.median(one[1] / other[1] for one, other in pairs)
            cheaper = [one[2] / other[2] for one, other in pairs]
            ratio = statistics.median(cheaper)
            verdict = ""
            if variant == "deltas":
                met = smaller < MOST_BYTES and ratio <= MOST_CPU
                verdict, missed = ("PASS" if met else "FAIL"), missed + (not met)
            print(f"  {variant:18}{turns:8.0f}{size / 1e3:10.1f}{seconds:8.3f}{smaller:19.3f}{ratio:7.2f}"
                  f" [{min(cheaper):.2f}, {max(cheaper):.2f}]  {verdict}")  # fmt: skip
    return 1 if missed and not options.quick else 0


if __name__ == "__main__":
    sys.exit(main())
