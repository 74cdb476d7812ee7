"""The sandbox beside Temporal's, in one run: `make bench-sandbox`, or `python benchmarks/bench_sandbox.py [--json f]`.

Medians of interleaved repetitions; every target of the sandbox with PASS or FAIL. Without the peer's environment
(`python -m tests.peers temporalio`) our side is measured alone and the targets that are ratios stay open.
"""

from __future__ import annotations

import argparse
import json
import platform
import random
import statistics
import subprocess
import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parents[1]
sys.path.insert(0, str(ROOT))

from tests.peers import MissingPeerError, python  # noqa: E402

BOTH = ("start plain", "start dataclasses", "start pydantic", "start flow", "turn", "memory plain")
SOME = ("start dataclasses again", "start pydantic again")  # slow, and no target
FEW = ("left",)
HOST = "host"


class Side:
    """A child process that measures."""

    def __init__(self, name: str, interpreter: Path | str) -> None:
        self.name = name
        self.results: dict[str, list[Any]] = {}
        self.process = subprocess.Popen(
            [str(interpreter), str(Path(__file__).with_name("sandbox_child.py")), name],
            stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True,
        )  # fmt: skip

    def measure(self, what: str) -> None:
        assert self.process.stdin is not None
        assert self.process.stdout is not None
        self.process.stdin.write(what + "\n")
        self.process.stdin.flush()
        answer = self.process.stdout.readline()
        if not answer:
            raise SystemExit(f"the {self.name} side ended while it measured {what!r}")
        self.results.setdefault(what, []).append(json.loads(answer))

    def median(self, what: str) -> float:
        return statistics.median(self.results[what])

    def close(self) -> None:
        assert self.process.stdin is not None
        self.process.stdin.close()
        self.process.wait(timeout=30)


def interval(values: list[float], draws: int = 2000) -> tuple[float, float]:
    """95 % of the medians of resampled values."""
    draw = random.Random(7)
    medians = sorted(statistics.median(draw.choices(values, k=len(values))) for _ in range(draws))
    return medians[int(draws * 0.025)], medians[int(draws * 0.975)]


def report(ours: Side, theirs: Side | None) -> int:
    """Print the table; the number of targets that are missed."""
    labels = {
        "start plain": "start, plain module (us)",
        "start dataclasses": "start, 10 dataclasses shared / passed through (us)",
        "start pydantic": "start, 10 pydantic models shared / passed through (us)",
        "start flow": "start, a flow with 10 dataclasses in its own file (us)",
        "start dataclasses again": "start, 10 dataclasses executed again (us)",
        "start pydantic again": "start, 10 pydantic models executed again (us)",
        "turn": "added per turn (us)", "memory plain": "memory per live plain instance (KiB)",
    }  # fmt: skip
    print(f"\n{'':56}{'ours':>10}{'Temporal':>12}{'ratio':>9}")
    for what, label in labels.items():
        mine = ours.median(what)
        line = f"{label:56}{mine:10.2f}"
        if theirs is not None:
            line += f"{theirs.median(what):12.1f}{'1/%.0f' % (theirs.median(what) / mine):>9}"
        print(line)
    print(f"{'the plain module without a sandbox (us)':56}{ours.median('bare'):10.2f}")
    host = {side.name: (statistics.median(side.results[HOST]), *interval(side.results[HOST]))
            for side in (ours, theirs) if side is not None}  # fmt: skip
    for name, (middle, low, high) in host.items():
        print(f"host thread while sandboxes run, {name}: {middle:.3f} times [{low:.3f}, {high:.3f}]")
    for side in (ours, theirs):
        if side is not None:
            objects = statistics.median(result["objects"] for result in side.results["left"])
            resident = statistics.median(result["rss_kib"] for result in side.results["left"])
            print(f"left by 1,000 starts and closes, {side.name}: {objects:.0f} objects, {resident:.0f} KiB")
    print()
    missed = 0

    def target(text: str, value: float, met: bool | None) -> None:
        nonlocal missed
        missed += met is False
        print(f"{'open' if met is None else 'PASS' if met else 'FAIL'}  {text}: {value:.4g}")

    for what in ("start plain", "start dataclasses", "start pydantic"):
        ratio = ours.median(what) / theirs.median(what) if theirs is not None else float("nan")
        met = None if theirs is None else ratio <= 1 / 15
        target(f"{labels[what]}, at most 1/15 = 0.0667 of Temporal's", ratio, met)
    target("added per turn, at most 5 us", ours.median("turn"), ours.median("turn") <= 5)
    memory = ours.median("memory plain")
    target("memory per live plain instance, at most 16 KiB", memory, memory <= 16)
    objects = statistics.median(result["objects"] for result in ours.results["left"])
    target("objects left by 1,000 starts and closes, none", objects, objects <= 0)
    resident = statistics.median(result["rss_kib"] for result in ours.results["left"])
    target("resident memory left by them, under 64 KiB (a page each at random)", resident, resident < 64)
    target("host threads: the lower bound of the ratio under 1.05", host["ours"][1], host["ours"][1] < 1.05)
    return missed


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--repetitions", type=int, default=7)
    parser.add_argument("--quick", action="store_true", help="one repetition: a smoke test, no measurement")
    parser.add_argument("--json", type=Path, help="write every single result to this file")
    options = parser.parse_args()
    repetitions = 1 if options.quick else options.repetitions
    try:
        interpreter: Path | str = python("temporalio")
        sides = [Side("ours", interpreter), Side("temporal", interpreter)]
    except MissingPeerError as error:
        print(f"{error}; measuring our side alone", file=sys.stderr)
        sides = [Side("ours", sys.executable)]
    version = subprocess.run([str(sides[0].process.args[0]), "-V"], capture_output=True, text=True, check=True)  # type: ignore[index]
    print(f"{version.stdout.strip()}, {platform.machine()}, {repetitions} interleaved repetitions")
    for repetition in range(repetitions):
        for what in (*BOTH, *(SOME if repetition < 5 else ()), *(FEW if repetition < 5 else ()), *[HOST] * 3):
            for side in sides:
                side.measure(what)
        sides[0].measure("bare")
        print(".", end="", flush=True)
    for side in sides:
        side.close()
    if options.json is not None:
        options.json.write_text(json.dumps({side.name: side.results for side in sides}, indent=1) + "\n")
    return 1 if report(sides[0], sides[1] if len(sides) > 1 else None) else 0


if __name__ == "__main__":
    sys.exit(main())
