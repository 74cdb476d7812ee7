"""The annotated cases: `# refused: <api>` on the line that must be refused, `# works` on a function that must work.

All run in two processes with different hash seed, time zone, environment, locale, working folder and wall clock, in
three instances each (two of the same id). A refusal counts only if it names the probed API and the line.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.patience import PATIENCE
from tests.sandbox.table import PAGE, WORLDS, collect, page

HERE = Path(__file__).parent
EXPECTED = collect()
YEARS = 5 * 365 * 86400


@pytest.fixture(scope="session")
def clock_shim(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """Environment of a process whose wall clock, read by whatever means, is five years ahead."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    if compiler is None or sys.platform != "linux":
        return {}
    library = tmp_path_factory.mktemp("shim") / "clock_shim.so"
    done = subprocess.run([compiler, "-shared", "-fPIC", "-o", str(library), str(HERE / "clock_shim.c"), "-ldl"])
    if done.returncode:
        return {}
    # Found by its name: LD_PRELOAD would end at the first space of a path.
    folders = [str(library.parent), os.environ.get("LD_LIBRARY_PATH", "")]
    return {
        "LD_PRELOAD": library.name,
        "LD_LIBRARY_PATH": os.pathsep.join(filter(None, folders)),
        "SHIM_CLOCK_SHIFT": str(YEARS),
    }


@pytest.fixture(scope="session")
def outcomes(tmp_path_factory: pytest.TempPathFactory, clock_shim: dict[str, str]) -> list[dict[str, Any]]:
    made = []
    for world, clock in zip(WORLDS, ({}, clock_shim), strict=True):
        folder = tmp_path_factory.mktemp("world")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "LC_"))} | world | clock
        done = subprocess.run(
            [sys.executable, str(HERE / "run_cases.py"), str(folder / "outcomes.json")],
            env=environment, cwd=folder, capture_output=True, text=True, timeout=PATIENCE,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        made.append(json.loads((folder / "outcomes.json").read_text()))
    return made


def test_there_are_enough_cases() -> None:
    assert len(EXPECTED) >= 300


def test_the_worlds_differ(outcomes: list[dict[str, Any]], clock_shim: dict[str, str]) -> None:
    """Otherwise two equal outcomes would prove nothing."""
    one, two = (world["host"] for world in outcomes)
    assert not clock_shim or two["time"] - one["time"] > YEARS - 3600
    for name in ("hash", "zone", "folder", "environment"):
        assert one[name] != two[name], name


def test_the_table_in_the_docs_is_current() -> None:
    assert PAGE.read_text() == page(), "run python -m tests.sandbox.table"


@pytest.mark.parametrize("case", EXPECTED)
def test_case(case: str, outcomes: list[dict[str, Any]]) -> None:
    filename, api, line = EXPECTED[case]
    if case not in outcomes[0]:
        pytest.skip(outcomes[0][filename.removesuffix(".py")]["skipped"])
    for instances in (world[case] for world in outcomes):
        for outcome in instances:
            assert "error" not in outcome, outcome["error"]
            if api:
                assert [v[:3] for v in outcome["violations"]] == [[api, filename, line]], outcome
                assert outcome["violations"][0][3], "no remedy"
                assert "raised" in outcome or outcome["value"] == "'swallowed'"
            else:
                assert outcome["violations"] == []
                assert "value" in outcome
        assert instances[0] == instances[1], "two instances of one id differ"
    assert outcomes[0][case] == outcomes[1][case], "two processes differ"
