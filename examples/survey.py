"""Survey a folder durably: one activity per file, a report, and a person's approval or the passing of a deadline.

The orchestration below is ordinary Python. Kill its worker at any line and it goes on from there in the next one.

Runnable as a worker: `python examples/survey.py ADDRESS LEDGER CONCURRENCY HOLD_AT`; `examples/demo.py` starts it so.
"""

from __future__ import annotations

import hashlib
import itertools
import os
import sys
import threading
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from functools import wraps
from pathlib import Path

import trio

from trio_durable import ActivityContext, OrchestrationContext, Worker


@dataclass
class Request:
    """What to survey: the `*.py` files below `folder`, at most `limit`; how many seconds the approval may take."""

    folder: str
    limit: int
    patience: float


@dataclass
class FileStats:
    """What there is to know about one file."""

    path: str
    lines: int
    words: int
    size: int
    sha256: str


@dataclass
class Report:
    """All files together; `digest` covers the content of every one."""

    files: int
    lines: int
    words: int
    size: int
    longest: list[FileStats]
    digest: str


@dataclass
class Survey:
    """The result: the report, and who approved it (None: nobody did in time)."""

    report: Report
    approved_by: str | None


async def survey(ctx: OrchestrationContext, request: Request) -> Survey:
    """The orchestration: list, fan out, fan in, ask for approval."""
    paths = await ctx.call_activity(list_files, input=request)
    done = 0

    async def counted(path: str) -> FileStats:
        nonlocal done
        stats = await ctx.call_activity(count, input=path)
        done += 1
        ctx.set_custom_status({"done": done, "of": len(paths)})
        return stats

    report = summarise(await ctx.when_all([counted(path) for path in paths]))
    ctx.set_custom_status({"done": done, "of": len(paths), "report": report})

    approval = ctx.wait_for_external_event("approval", data_type=str)
    deadline = ctx.create_timer(timedelta(seconds=request.patience))
    if await ctx.when_any([approval, deadline]) is deadline:
        return Survey(report, approved_by=None)
    return Survey(report, approved_by=approval.get_result())


def list_files(ctx: ActivityContext, request: Request) -> list[str]:
    """An activity: the files to survey, installed packages left out."""
    found = sorted(
        str(path)
        for path in Path(request.folder).rglob("*.py")
        if not {"site-packages", "dist-packages"} & set(path.parts) and path.is_file()
    )
    return found[: request.limit]


def count(ctx: ActivityContext, path: str) -> FileStats:
    """An activity, plain and therefore run in a thread: lines, words and hash of one file."""
    return measure(path)


def measure(path: str) -> FileStats:
    """Read one file and measure it."""
    content = Path(path).read_bytes()
    digest = hashlib.sha256(content).hexdigest()
    return FileStats(path, content.count(b"\n"), len(content.split()), len(content), digest)


def summarise(files: list[FileStats]) -> Report:
    """Many files in one report. A function of its arguments alone: the orchestration may call it."""
    everything = hashlib.sha256("".join(file.sha256 for file in files).encode())
    return Report(
        files=len(files),
        lines=sum(file.lines for file in files),
        words=sum(file.words for file in files),
        size=sum(file.size for file in files),
        longest=sorted(files, key=lambda file: (-file.lines, file.path))[:5],
        digest=everything.hexdigest(),
    )


def recorded(
    activity: Callable[[ActivityContext, str], FileStats], ledger: Path, hold_at: int
) -> Callable[[ActivityContext, str], FileStats]:
    """`activity`, each run of which leaves a line in `ledger` that no kill can take back.

    From run number `hold_at` on, if that is not 0, the runs only wait to be killed.
    """
    file = os.open(ledger, os.O_WRONLY | os.O_APPEND | os.O_CREAT)
    numbers = itertools.count(1)

    @wraps(activity)
    def run(ctx: ActivityContext, path: str) -> FileStats:
        os.write(file, f"{os.getpid()}\t{path}\n".encode())
        if 0 < hold_at <= next(numbers):
            threading.Event().wait()
        return activity(ctx, path)

    return run


def main(address: str, ledger: str, concurrency: str, hold_at: str) -> None:
    """Serve the survey until stopped."""
    worker = Worker(address, max_concurrent_activities=int(concurrency))
    worker.add_orchestrator(survey)
    worker.add_activity(list_files)
    worker.add_activity(recorded(count, Path(ledger), int(hold_at)))
    with suppress(KeyboardInterrupt):
        trio.run(worker.serve)


if __name__ == "__main__":
    main(*sys.argv[1:])
