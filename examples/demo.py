"""The demo: survey a folder, kill everything half-way, go on, and prove that nothing was lost.

    python examples/demo.py [FOLDER] [--expire]

It starts a sidecar and a worker as processes of their own, schedules `survey` (see survey.py), and shows its progress.
Half-way it kills both with SIGKILL and starts them again on the same SQLite file. Then it approves the report, or with
`--expire` leaves the question unanswered until the durable timer fires. At the end it holds the report against one
that it computes directly, and the activities' ledger against what at-least-once promises.
"""

from __future__ import annotations

import argparse
import contextlib
import random
import signal
import socket
import subprocess
import sys
import sysconfig
import tempfile
import time
from collections import Counter
from collections.abc import AsyncGenerator, AsyncIterator, Generator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import trio
from survey import Report, Request, Survey, list_files, measure, summarise, survey

from trio_durable import ActivityContext, Client, OrchestrationState, OrchestrationStatus

CONCURRENCY = 8
INSTANCE = "survey-1"
FEWEST = 200


@dataclass
class Site:
    """Where everything is; the processes that work on it come and go."""

    folder: Path
    port: int
    hold_at: int
    sidecar: trio.Process | None = None
    worker: trio.Process | None = None

    @property
    def address(self) -> str:
        return f"127.0.0.1:{self.port}"

    @property
    def ledger(self) -> Path:
        return self.folder / "ledger.tsv"

    async def start(self) -> None:
        """Start a sidecar on the same file and port as the last one, and a worker for it."""
        command = ["-m", "trio_durable", "sidecar", "--port", str(self.port), "--db", str(self.folder / "survey.db")]
        self.sidecar = await trio.lowlevel.open_process([sys.executable, *command], stdout=subprocess.PIPE)
        await _ready(self.sidecar)
        script = str(Path(__file__).with_name("survey.py"))
        options = [self.address, str(self.ledger), str(CONCURRENCY), str(self.hold_at)]
        self.worker = await trio.lowlevel.open_process([sys.executable, script, *options])
        say(f"sidecar (process {self.sidecar.pid}) on {self.address}, worker (process {self.worker.pid}) started")

    async def kill(self) -> None:
        """SIGKILL to both: no goodbye, no cleanup."""
        for process in (self.worker, self.sidecar):
            if process is not None and process.returncode is None:
                process.kill()
                with trio.CancelScope(shield=True):
                    await process.wait()
        self.worker = self.sidecar = None

    async def stop(self) -> None:
        """Ask both to end, the worker first."""
        for process in (self.worker, self.sidecar):
            if process is not None and process.returncode is None:
                process.send_signal(signal.SIGINT if process is self.worker else signal.SIGTERM)
                with trio.move_on_after(5, shield=True):
                    await process.wait()
        await self.kill()


async def _ready(sidecar: trio.Process) -> None:
    """Wait until the sidecar says that it listens."""
    assert sidecar.stdout is not None
    said = b""
    while b"ready on " not in said:
        more = await sidecar.stdout.receive_some()
        if not more:
            raise SystemExit(f"the sidecar ended without getting ready; it said: {said.decode() or 'nothing'}")
        said += more


@contextlib.contextmanager
def held_port() -> Generator[int]:
    """A loopback port that stays ours while the sidecar that listens on it is dead."""
    with socket.socket() as holder:
        holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        holder.bind(("127.0.0.1", 0))
        yield int(holder.getsockname()[1])


async def demo(folder: Path, limit: int, expire: bool) -> bool:
    """The whole story; returns whether every check held."""
    began = time.perf_counter()
    patience = 3.0 if expire else 300.0
    request = Request(str(folder), limit, patience)
    kill_at = random.uniform(0.35, 0.6)
    paths = list_files(ActivityContext(INSTANCE, "list_files", 0), request)
    if len(paths) < FEWEST:
        raise SystemExit(f"{folder} has {len(paths)} *.py files; expected at least {FEWEST}, to be killed half-way")

    # The worker that is killed does not go on beyond two thirds, in case this process is late to kill it.
    async with working_site(hold_at=2 * len(paths) // 3) as site, Client(site.address) as client:
        await client.schedule_new_orchestration(survey, input=request, instance_id=INSTANCE)
        say(f"surveying {folder}, one activity per file, at most {CONCURRENCY} at a time")

        killed_at = (0, 0)
        async for done, total in progress(client, stop_at=kill_at):
            killed_at = (done, total)
        await site.kill()
        site.hold_at = 0
        runs_before = Counter(paths_in(site.ledger))
        say(f"SIGKILL to sidecar and worker after {killed_at[0]} of {killed_at[1]} files")
        await site.start()
        async for _ in progress(client):
            pass

        if expire:
            say(f"nobody approves; the durable timer fires after {patience:g} s")
        else:
            say("the report waits for approval; approving it")
            await client.raise_orchestration_event(INSTANCE, "approval", data="the demo's driver")
        state = await client.wait_for_orchestration_completion(INSTANCE)
        state.raise_if_failed()
        result: Survey = state.get_output(Survey)
        runs = Counter(paths_in(site.ledger))

    show(result, folder)
    direct = summarise([measure(path) for path in paths])
    held = [*proofs(result, direct, runs, expire), kill_proof(killed_at, runs_before)]
    for good, line in held:
        say(("ok    " if good else "WRONG ") + line)
    say(f"took {time.perf_counter() - began:.1f} s")
    return all(good for good, _ in held)


@contextlib.asynccontextmanager
async def working_site(hold_at: int) -> AsyncGenerator[Site]:
    """A folder of its own with a sidecar and a worker on it, all gone at the end."""
    with tempfile.TemporaryDirectory(prefix="trio-durable-demo-") as folder, held_port() as port:
        site = Site(Path(folder), port, hold_at)
        try:
            await site.start()
            yield site
            await site.stop()
        finally:
            await site.kill()


async def progress(client: Client, *, stop_at: float = 1.0) -> AsyncIterator[tuple[int, int]]:
    """Show how far the survey is, until `stop_at` of the files are counted or its report is made."""
    shown, last = -1.0, -1
    while True:
        state = await client.get_orchestration_state(INSTANCE)
        done, total, finished = _figures(state)
        if total and done != last and (time.perf_counter() - shown > 0.4 or finished):
            bar = "#" * (30 * done // total)
            say(f"[{bar:30}] {done:5} of {total} files")
            shown, last = time.perf_counter(), done
        yield done, total
        if finished or (total and stop_at < 1.0 and done >= stop_at * total):
            return
        await trio.sleep(0.02)


def _figures(state: OrchestrationState | None) -> tuple[int, int, bool]:
    if state is None:
        return 0, 0, False
    state.raise_if_failed()
    if state.runtime_status is OrchestrationStatus.TERMINATED:
        raise SystemExit("the survey was terminated")
    status: dict[str, Any] = state.get_custom_status() or {}
    return status.get("done", 0), status.get("of", 0), "report" in status or state.is_complete


def paths_in(ledger: Path) -> Iterator[str]:
    """The paths in the ledger, one per run."""
    for line in ledger.read_text().splitlines():
        yield line.split("\t")[1]


def show(result: Survey, folder: Path) -> None:
    """The report, for reading."""
    report = result.report
    say("")
    say(f"  {report.files:,} files, {report.lines:,} lines, {report.words:,} words, {report.size:,} bytes")
    say("  the longest:")
    for file in report.longest:
        say(f"    {file.lines:8,} lines  {Path(file.path).relative_to(folder)}")
    say(f"  sha256 of all {report.digest[:32]}...")
    say(f"  approved by {result.approved_by}" if result.approved_by else "  approval expired")
    say("")


def proofs(result: Survey, direct: Report, runs: Counter[str], expire: bool) -> Iterator[tuple[bool, str]]:
    """What must hold at the end, each with the line that says so."""
    repeated = sorted(path for path, times in runs.items() if times > 1)
    yield len(runs) == direct.files, f"{runs.total()} activity runs for {direct.files} files, none left out"
    yield (
        len(repeated) <= CONCURRENCY and all(runs[path] == 2 for path in repeated),
        f"{len(repeated)} of them were repeated after the kill, in flight then, never more than {CONCURRENCY}"
        + "".join(f"\n        {path}" for path in repeated),
    )
    yield result.report == direct, "the report equals one computed directly"
    yield (result.approved_by is None) == expire, "approval expired" if expire else "the approval arrived"


def kill_proof(killed_at: tuple[int, int], runs_before: Counter[str]) -> tuple[bool, str]:
    """That the kill came in the middle."""
    done, total = killed_at
    return 0.3 <= done / total <= 0.7, f"killed at {done / total:.0%} of the files ({runs_before.total()} runs by then)"


async def patiently(folder: Path, limit: int, expire: bool) -> bool:
    """The demo, which must come to an end."""
    with trio.fail_after(PATIENCE):
        return await demo(folder, limit, expire)


#: Seconds; it takes ten.
PATIENCE = 300


def say(line: str) -> None:
    print(line, flush=True)


def main() -> int:
    parser = argparse.ArgumentParser(description="Survey a folder durably, kill everything half-way, and go on.")
    stdlib = Path(sysconfig.get_path("stdlib"))
    parser.add_argument("folder", nargs="?", type=Path, default=stdlib, help="default: Python's own standard library")
    parser.add_argument("--limit", type=int, default=2000, help="at most so many files (default: %(default)s)")
    parser.add_argument("--expire", action="store_true", help="let the approval time out")
    options = parser.parse_args()
    try:
        return 0 if trio.run(patiently, options.folder.resolve(), options.limit, options.expire) else 1
    except trio.TooSlowError:
        say(f"gave up: not done after {PATIENCE} s, which is a fault to report")
        return 1


if __name__ == "__main__":
    sys.exit(main())
