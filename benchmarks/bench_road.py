"""The whole road, from schedule to result: our worker beside the peers' on one sidecar, and beside our own sidecar.

    python benchmarks/bench_road.py [--rounds 3] [--json FILE]

The same orchestrations run on durabletask-go (`make sidecar-go`) with our worker and with those of three packages from
PyPI (`make peers`): Microsoft's `durabletask`, `durabletask-dapr`, and `dapr`.  The client is ours in every row, and
every activity a plain function.  Each measurement has a fresh sidecar with a fresh database and a fresh worker; the
order of the variants is shuffled each round, and ratios are taken within a round, so that a busy machine slows both.
Then ours on the embedded sidecar, in memory and on SQLite, where client, worker and sidecar are one process.

A duration on durabletask-go is mostly the sidecar waiting between two looks at its database; what a worker costs is
its processor time (user and system, all threads).  That is what has to be ahead of every peer, or close where `MOST`
says so, and for the embedded sidecar the processor time and the duration of everything together.
"""

from __future__ import annotations

import argparse
import json
import os
import random
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import trio

ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(ROOT), str(ROOT / "benchmarks")]

from road_ours import SCENARIOS, drive, warm_up  # noqa: E402

from tests import peers  # noqa: E402
from tests.interop import go  # noqa: E402
from trio_durable import Client  # noqa: E402

HERE = Path(__file__).parent
OURS = "ours"
#: The column's title -> the environment and the package in it.
PEERS = {
    "durabletask 1.3": ("durabletask-1.3", "durabletask"),
    "durabletask-dapr 0.17": ("durabletask-dapr", "durabletask"),
    "dapr 1.19": ("dapr-workflow", "dapr.ext.workflow._durabletask"),
}
#: What our worker may cost at most, in terms of a peer's; 1 is level.  Where every instance is small, what counts is
#: the cost of a gRPC call, and grpcio's is C.
MOST = {"200 at a time": 1.4, "100 children": 1.5}
EMBEDDED = {"embedded, memory": ":memory:", "embedded, SQLite": "road.db"}

Result = dict[str, float]  # "wall", "all", and on durabletask-go "worker", "sidecar", "client": seconds


class Child:
    """A process that answers each line of its input with one of JSON."""

    def __init__(self, command: list[str], log: Path) -> None:
        with log.open("ab") as errors:
            self._process = subprocess.Popen(
                command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=errors, text=True, cwd=ROOT
            )
        self._log = log

    def ask(self, line: str = "") -> object:
        assert self._process.stdin is not None
        assert self._process.stdout is not None
        self._process.stdin.write(line + "\n")
        self._process.stdin.flush()
        answer = self._process.stdout.readline()
        if not answer:
            raise SystemExit(f"{self._process.args} ended:\n{self._log.read_text()[-3000:]}")
        return json.loads(answer)

    def seconds(self) -> float:
        """Its processor time so far."""
        answer = self.ask()
        assert isinstance(answer, float)
        return answer

    def close(self) -> None:
        assert self._process.stdin is not None
        self._process.stdin.close()
        try:
            self._process.wait(5)  # one SDK may take longer to stop than all of this took
        except subprocess.TimeoutExpired:
            self._process.kill()
            self._process.wait()
        assert self._process.stdout is not None
        self._process.stdout.close()


@contextmanager
def child(command: list[str], log: Path) -> Iterator[Child]:
    process = Child(command, log)
    try:
        yield process
    finally:
        process.close()


def processor_time(pid: int) -> float:
    """User and system time of a process, all its threads, in seconds."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def on_go(variant: str, *, quick: bool) -> dict[str, Result]:
    """Every scenario with one worker, on a durabletask-go of its own."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        with go.process(folder) as (address, pid):
            if variant == OURS:
                command = [sys.executable, str(HERE / "road_ours.py"), "worker", address]
            else:
                environment, package = PEERS[variant]
                command = [str(peers.python(environment)), str(HERE / "road_peer.py"), package, address]
            with child(command, folder / "worker.log") as worker:
                return trio.run(on_address, address, pid, worker, quick)


async def on_address(address: str, pid: int, worker: Child, quick: bool) -> dict[str, Result]:
    results = {}
    async with Client(address) as client:
        await warm_up(client)
        for scenario in SCENARIOS:
            clocks = (worker.seconds(), processor_time(pid), time.process_time(), time.perf_counter())
            await drive(client, scenario, quick=quick)
            ended = (worker.seconds(), processor_time(pid), time.process_time(), time.perf_counter())
            took = [after - before for before, after in zip(clocks, ended, strict=True)]
            results[scenario] = dict(zip(("worker", "sidecar", "client", "wall"), took, strict=True))
            results[scenario]["all"] = sum(took[:3])
    return results


def on_embedded(variant: str, *, quick: bool) -> dict[str, Result]:
    """Every scenario with client, worker and embedded sidecar in one process."""
    results = {}
    with tempfile.TemporaryDirectory() as name:
        path = EMBEDDED[variant]
        where = path if path == ":memory:" else str(Path(name) / path)
        with child([sys.executable, str(HERE / "road_ours.py"), "embedded", where], Path(name) / "log") as process:
            for scenario in SCENARIOS:
                answer = process.ask(json.dumps({"name": scenario, "quick": quick}))
                assert isinstance(answer, dict)
                results[scenario] = {"all": answer["cpu"], "wall": answer["wall"]}
    return results


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--quick", action="store_true", help="one small round: a smoke test, no measurement")
    parser.add_argument("--json", type=Path, help="write every single result to this file")
    options = parser.parse_args()
    variants = [*EMBEDDED]
    if go.binary().is_file():
        variants += [OURS, *(name for name, (environment, _) in PEERS.items() if peers.is_current(environment))]
    for what in ({OURS, *PEERS} - set(variants)):
        print(f"{what}: not measured; `make peers sidecar-go` makes what is missing", file=sys.stderr)
    found: dict[str, dict[str, list[Result]]] = {name: {scenario: [] for scenario in SCENARIOS} for name in variants}
    rounds = 1 if options.quick else options.rounds
    for number in range(rounds):
        for variant in random.sample(variants, len(variants)):
            measure = on_embedded if variant in EMBEDDED else on_go
            for scenario, result in measure(variant, quick=options.quick).items():
                found[variant][scenario].append(result)
        print(f"round {number + 1} of {rounds} done", file=sys.stderr, flush=True)
    if options.json is not None:
        options.json.write_text(json.dumps(found, indent=1) + "\n")
    missed = report(found)
    return 1 if missed and not options.quick else 0


def report(found: dict[str, dict[str, list[Result]]]) -> int:
    """Print the tables; how many ratios are beyond what is allowed."""
    against = [name for name in PEERS if name in found]
    on_go = [name for name in (OURS, *PEERS) if name in found]
    titles = "".join(f"{scenario:>20}" for scenario in SCENARIOS)
    behind = missed = 0

    def values(variant: str, what: str) -> None:
        row = (statistics.median(result[what] for result in found[variant][scenario]) for scenario in SCENARIOS)
        print(f"  {variant:24}" + "".join(f"{value:20.3f}" for value in row))

    def ratios(variant: str, peer: str, what: str) -> None:
        nonlocal behind, missed
        line = f"  {'of ' + peer:24}"
        for scenario in SCENARIOS:
            pairs = zip(found[variant][scenario], found[peer][scenario], strict=True)
            each = [ours[what] / theirs[what] for ours, theirs in pairs]
            ratio = statistics.median(each)
            behind += ratio >= 1
            missed += ratio >= (MOST.get(scenario, 1.0) if variant == OURS else 1.0)
            line += f"{f'{ratio:.2f} [{min(each):.2f}, {max(each):.2f}]':>20}"
        print(line)

    if OURS in found:
        print(f"\n{'the worker: CPU seconds':26}{titles}")
        for name in on_go:
            values(name, "worker")
        print("ours, ratios [lowest, highest]")
        for peer in against:
            ratios(OURS, peer, "worker")
    for what, title in (("all", "everything: CPU seconds"), ("wall", "duration: seconds")):
        print(f"\n{title:26}{titles}")
        for name in (*EMBEDDED, *on_go):
            values(name, what)
        for variant in EMBEDDED if against else ():
            print(f"{variant}, ratios to a peer's worker on durabletask-go")
            for peer in against:
                ratios(variant, peer, what)
    if not against:
        print("no peer was there to compare with")
    else:
        print(f"\nahead in all ratios but {behind}" if behind else "\nahead in every ratio")
        print(f"FAIL: {missed} ratios beyond what is allowed" if missed else "PASS")
    return missed


if __name__ == "__main__":
    sys.exit(main())
