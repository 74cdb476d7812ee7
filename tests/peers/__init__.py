"""The peers: other people's packages that the tests compare with, each in an environment of its own.

They live apart because they clash: `durabletask` and `durabletask-dapr` install the same top-level package, and the
protobuf descriptors of the dialects cannot be registered twice in one process. So a peer is never imported by a test;
it runs in its own process, with the interpreter that `python(name)` names.

One file of pins per peer, `<name>.txt`, is the whole truth about it. `python -m tests.peers` (or `make peers`) makes
the environments under `build/peers/`, and remakes one when its pins change. Standard library only, because it runs
before anything is installed.
"""

from __future__ import annotations

import hashlib
import os
import shutil
import subprocess
import sys
import venv
from pathlib import Path

__all__ = ["NAMES", "MissingPeerError", "build", "is_current", "python"]

PINS = Path(__file__).resolve().parent
ROOT = PINS.parents[1]
NAMES = tuple(sorted(path.stem for path in PINS.glob("*.txt")))


class MissingPeerError(Exception):
    """The environment of a peer is not there, or not of today's pins."""


def home() -> Path:
    """The folder of the environments: TRIO_DURABLE_PEERS where set, or `build/peers` of this checkout."""
    return Path(os.environ.get("TRIO_DURABLE_PEERS") or ROOT / "build" / "peers")


def python(name: str) -> Path:
    """The interpreter of a peer's environment; `MissingPeerError` where it has not been made."""
    interpreter = home() / name / "bin" / "python"
    if name not in NAMES:
        raise ValueError(f"there is no peer {name!r}; the peers are {', '.join(NAMES)}")
    if not is_current(name):
        raise MissingPeerError(f"the environment of the peer {name!r} is missing or out of date: run `make peers`")
    return interpreter


def is_current(name: str) -> bool:
    """Whether the environment was made from the pins as they are now."""
    try:
        return _stamp(name).read_text() == _digest(name)
    except OSError:
        return False


def build(name: str) -> None:
    """Make the environment of a peer anew. `CalledProcessError` where a package cannot be had."""
    folder = home() / name
    shutil.rmtree(folder, ignore_errors=True)
    venv.create(folder, with_pip=True, symlinks=True)
    pip = [str(folder / "bin" / "python"), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    subprocess.run([*pip, "--no-deps", "-r", str(PINS / f"{name}.txt")], check=True, stdin=subprocess.DEVNULL)
    # Last, so that an interrupted build is not taken for a finished one.
    _stamp(name).write_text(_digest(name))


def _stamp(name: str) -> Path:
    return home() / name / ".made-from"


def _digest(name: str) -> str:
    return hashlib.sha256((PINS / f"{name}.txt").read_bytes()).hexdigest()


def main(names: list[str]) -> int:
    """Make what is missing; say what could not be had and why, and go on with the others."""
    missing = 0
    for name in names or NAMES:
        if is_current(name):
            print(f"peers: {name} is there")
            continue
        print(f"peers: making {name} ...", flush=True)
        try:
            build(name)
        except (OSError, subprocess.CalledProcessError) as error:
            missing += 1
            print(f"peers: {name} cannot be had here ({error}); its tests will be skipped", file=sys.stderr)
    return 1 if missing else 0
