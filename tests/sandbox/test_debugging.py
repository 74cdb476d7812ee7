"""Debuggers, coverage and tracebacks see the user's file, lines and values."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import traceback
from pathlib import Path
from typing import Any

import pytest
from trio_durable_sandbox import SandboxViolationError

from tests.patience import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
DRIVER = """
import sys
from trio_durable_sandbox import Sandbox
import flow
sandbox = Sandbox()
run = sandbox.new_run("i", "s", lambda: 5_000_000_000)
function = sandbox.load(flow.f).instantiate(run)
with run.active():
    result = function(20)
print("result", result, "violations", run.violations)
run.close()
"""


def drive(folder: Path, flow: str, *command: str, typed: str = "", **environment: str) -> str:
    folder.joinpath("flow.py").write_text(flow)
    folder.joinpath("driver.py").write_text(DRIVER)
    done = subprocess.run(
        [sys.executable, *command, "driver.py"],
        cwd=folder, input=typed, capture_output=True, text=True, timeout=PATIENCE,
        env={"PYTHONPATH": str(ROOT / "sandbox"), "PATH": os.environ.get("PATH", ""), "HOME": str(folder),
             **environment},
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@pytest.mark.parametrize("call", ["breakpoint()", "import pdb; pdb.set_trace()"])
def test_a_breakpoint_stops_in_the_users_frame(tmp_path: Path, call: str) -> None:
    flow = f"import time\ndef f(x):\n    y = x + 1\n    {call}\n    y += int(time.time())\n    return y\n"
    shown = drive(tmp_path, flow, typed="p 'y is', y\nwhere\nnext\nnext\np 'then', y\ncontinue\n")
    assert "('y is', 21)" in shown
    assert "('then', 26)" in shown
    assert "flow.py" in shown
    assert "y += int(time.time())" in shown
    assert "result 26 violations []" in shown


def test_breakpoints_can_be_switched_off(tmp_path: Path) -> None:
    shown = drive(tmp_path, "def f(x):\n    breakpoint()\n    return x\n", PYTHONBREAKPOINT="0")
    assert shown == "result 20 violations []\n"


def test_a_debugger_set_from_outside(tmp_path: Path) -> None:
    """`python -m pdb`, with a breakpoint by file and line: it stops in the sandbox's copy as well."""
    flow = "import time\ndef f(x):\n    y = x + 1\n    return y, time.time()\n"
    typed = f"break {tmp_path / 'flow.py'}:4\ncontinue\np 'y is', y\ncontinue\nq\n"
    shown = drive(tmp_path, flow, "-m", "pdb", typed=typed)
    assert "('y is', 21)" in shown
    assert "result (21, 5.0) violations []" in shown


FLOW = """import time
def f(x):
    if x > 10:
        y = [a for a in {1, 2}]
    else:
        y = "never"
    for _ in y:
        time.time()
    return len(y)
"""


def test_line_events_are_the_users(workshop: Any) -> None:
    """What coverage, debuggers and profilers build on."""
    module = workshop.module(FLOW)
    run, f = workshop.start(module.f)
    lines: set[int] = set()

    def trace(frame: Any, event: str, argument: Any) -> Any:
        if frame.f_code.co_filename != module.__file__:
            return None
        lines.add(frame.f_lineno)
        return trace

    before = sys.gettrace()
    with run.active():
        sys.settrace(trace)
        try:
            assert f(20) == 2
        finally:
            sys.settrace(before)
    assert lines - {2} == {3, 4, 7, 8, 9}


@pytest.mark.skipif(importlib.util.find_spec("coverage") is None, reason="no coverage")
@pytest.mark.parametrize("core", ["ctrace", "pytrace", "sysmon"])
def test_coverage_measures_orchestrations(tmp_path: Path, core: str) -> None:
    if core == "sysmon" and sys.version_info < (3, 12):
        pytest.skip("sys.monitoring needs 3.12")
    shown = drive(tmp_path, FLOW, "-m", "coverage", "run", "--include=flow.py", COVERAGE_CORE=core)
    assert shown == "result 2 violations []\n"
    subprocess.run([sys.executable, "-m", "coverage", "json", "-q"], cwd=tmp_path, check=True, timeout=PATIENCE)
    measured = json.loads((tmp_path / "coverage.json").read_text())["files"]["flow.py"]
    assert measured["missing_lines"] == [6]
    assert measured["executed_lines"] == [1, 2, 3, 4, 7, 8, 9]


def test_violations_point_at_the_call(workshop: Any) -> None:
    source = "import os\ndef inner():\n    return [os.getpid() for _ in (1,)]\ndef f():\n    return inner()\n"
    module = workshop.module(source)
    run, f = workshop.start(module.f)
    with run.active(), pytest.raises(SandboxViolationError) as caught:
        f()
    lines = traceback.format_exception(caught.value)
    text = "".join(lines)
    assert f'File "{module.__file__}", line 5, in f\n    return inner()\n' in text
    assert "    return [os.getpid() for _ in (1,)]\n" in text
    if sys.version_info >= (3, 13):
        assert "            ~~~~~~~~~^^" in text
    else:
        assert "            ^^^^^^^^^^^" in text
    assert "_td_" not in text
    assert lines[-1].startswith(
        "trio_durable_sandbox.SandboxViolationError: os.getpid is not deterministic and was called at "
        f"{module.__file__}:3. Instead: ask in an activity"
    )


def test_wrong_arguments_of_a_stand_in_are_errors_as_outside(workshop: Any) -> None:
    module = workshop.module("import random\ndef f():\n    return random.randint('a')\n")
    run, f = workshop.start(module.f)
    with run.active(), pytest.raises(TypeError, match=r"randint\(\) missing 1 required positional argument"):
        f()
