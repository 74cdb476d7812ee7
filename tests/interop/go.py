"""The real Go sidecar as a process: on a free loopback port, with a fresh database, stopped by its process id."""

from __future__ import annotations

import os
import re
import select
import shutil
import subprocess
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.patience import PATIENCE

ROOT = Path(__file__).resolve().parents[2]


def binary() -> Path:
    """Where `make sidecar-go` puts it; TRIO_DURABLE_GO_SIDECAR names another place."""
    return Path(os.environ.get("TRIO_DURABLE_GO_SIDECAR") or ROOT / "build" / "sidecar-go" / "durabletask-go")


@contextmanager
def running(folder: Path) -> Iterator[str]:
    """Run it while the block lasts; gives its address. Its log is in `folder`, and in the error if it fails."""
    with process(folder) as (address, _):
        yield address


@contextmanager
def process(folder: Path) -> Iterator[tuple[str, int]]:
    """As `running`; gives the address and the process id."""
    log = folder / "sidecar-go.log"
    # Politely: even idle it keeps a core busy, which others need while nobody waits for it.
    polite = ["nice", "-n", "5"] if shutil.which("nice") else []
    command = [*polite, str(binary()), "-host", "127.0.0.1", "-port", "0", "-db", str(folder / "go.db")]
    with log.open("wb") as errors:
        sidecar = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors)
    assert sidecar.stdout is not None
    try:
        said = b""
        deadline = time.monotonic() + PATIENCE
        while (found := re.search(rb"listening at (\S+)\n", said)) is None:
            if not select.select([sidecar.stdout], [], [], max(0.0, deadline - time.monotonic()))[0]:
                raise RuntimeError(f"the Go sidecar was not ready after {PATIENCE:g} s: {log.read_text()}")
            more = os.read(sidecar.stdout.fileno(), 4096)
            if not more:
                raise RuntimeError(f"the Go sidecar ended with {sidecar.wait()}: {log.read_text()}")
            said += more
        yield found.group(1).decode(), sidecar.pid
    finally:
        sidecar.kill()
        sidecar.wait()
        sidecar.stdout.close()
