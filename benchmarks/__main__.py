"""All benchmarks, one after the other: `python -m benchmarks [--quick]`; the exit status is 1 if one of them failed.

Each runs in a process of its own, for what one leaves behind (garbage, threads, a warm allocator) would be measured by
the next. One that compares with a peer's package is skipped, and says so, where that environment does not exist.
"""

from __future__ import annotations

import argparse
import subprocess
import sys
from pathlib import Path

from tests import peers

FOLDER = Path(__file__).resolve().parent
#: Whose environment a benchmark needs (`make peers`).
NEEDS = {"bench_rpc": "grpcio", "bench_sandbox": "temporalio"}


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--quick", action="store_true", help="fewer repetitions: a smoke test, no measurement")
    quick = ["--quick"] if parser.parse_args().quick else []
    ends = {}
    for script in sorted(FOLDER.glob("bench_*.py")):
        name = script.stem
        print(f"== {name}", flush=True)
        try:
            if name in NEEDS:
                peers.python(NEEDS[name])
        except peers.MissingPeerError as error:
            print(error)
            ends[name] = "skipped"
            continue
        ran = subprocess.run([sys.executable, script, *quick], cwd=FOLDER.parent, stdin=subprocess.DEVNULL, check=False)
        ends[name] = "passed" if ran.returncode == 0 else f"FAILED ({ran.returncode})"
        print(flush=True)
    for name, end in ends.items():
        print(f"{name:16} {end}")
    return 1 if any(end.startswith("FAILED") for end in ends.values()) else 0


if __name__ == "__main__":
    sys.exit(main())
