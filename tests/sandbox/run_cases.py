"""Runs every case in this process and writes what happened to a file, as JSON: the child of `test_cases.py`.

A case is a top-level function `case_*` of a file in `cases/`. It is run in two instances; the second must see
nothing of the first.
"""

from __future__ import annotations

import datetime
import importlib
import json
import os
import sys
import time
import traceback
import types
from pathlib import Path
from typing import Any

CASES = Path(__file__).parent / "cases"
START = 1_700_000_000_123_456_789


class Pause:
    def __await__(self) -> Any:
        yield "paused"


def drive(function: Any) -> Any:
    """Call the orchestrator; step a coroutine to its end."""
    made = function()
    if isinstance(made, types.CoroutineType):
        try:
            while True:
                made.send(None)
        except StopIteration as stop:
            return stop.value
    return made


def run_case(sandbox: Any, program: Any, instance: str) -> dict[str, Any]:
    from trio_durable_sandbox import SandboxViolationError

    run = sandbox.new_run(instance, "seed", lambda: START)
    outcome: dict[str, Any] = {}
    try:
        function = program.instantiate(run)
        with run.active():
            outcome["value"] = repr(drive(function))
    except SandboxViolationError as error:
        outcome["raised"] = str(error)
    except BaseException:
        outcome["error"] = traceback.format_exc()
    outcome["violations"] = [[v.api, os.path.basename(v.filename), v.lineno, v.remedy] for v in run.violations]
    run.close()
    return outcome


def host() -> dict[str, Any]:
    """What this process would let user code see."""
    now = datetime.datetime.now(datetime.UTC).timestamp()
    assert abs(now - time.time()) < 60
    return {
        "time": now, "hash": hash("text"), "zone": time.tzname, "folder": os.getcwd(), "environment": dict(os.environ),
    }  # fmt: skip


def main() -> None:
    sys.path[:0] = [str(CASES), str(CASES / "site-packages"), str(Path(__file__).parents[2] / "sandbox")]
    import trio_durable_sandbox

    results: dict[str, Any] = {"host": host()}
    sandbox = trio_durable_sandbox.Sandbox()
    sandbox.replace_module("asyncio", lambda run: types.SimpleNamespace(sleep=lambda seconds: Pause()), shared=True)
    # All are imported before any is run: what cases leave to the garbage collector may raise and warn in the midst of
    # an import, which Python 3.11's import locks do not survive.
    modules = {}
    for path in sorted(CASES.glob("*.py")):
        try:
            modules[path.stem] = importlib.import_module(path.stem)
        except ImportError as error:
            results[path.stem] = {"skipped": str(error)}
    for stem, module in modules.items():
        for name, function in list(vars(module).items()):
            if name.startswith("case_"):
                program = sandbox.load(function)
                results[f"{stem}.{name}"] = [run_case(sandbox, program, i) for i in ("one", "one", "two")]
    Path(sys.argv[1]).write_text(json.dumps(results))


if __name__ == "__main__":
    main()
