"""The annotated cases: `# refused: <api>` on the line that must be refused, `# works` on a function that must work.

All run in two processes with different hash seed, time zone, environment, locale and working folder, in three
instances each (two of the same id). A refusal counts only if it names the probed API and the line.
"""

from __future__ import annotations

import ast
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

HERE = Path(__file__).parent
CASES = HERE / "cases"


def collect() -> dict[str, tuple[str, str, int]]:
    """Case -> (file, expected API or "", line)."""
    found = {}
    for path in sorted(CASES.glob("*.py")):
        source = path.read_text()
        lines = source.splitlines()
        for node in ast.parse(source).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef) and node.name.startswith("case_"):
                expected = ("", node.lineno)
                marked = "# works" in lines[node.lineno - 1]
                for number in range(node.lineno, (node.end_lineno or node.lineno) + 1):
                    match = re.search(r"# refused: (.+)$", lines[number - 1])
                    if match:
                        marked, expected = True, (match[1], number)
                assert marked, f"{path.name}:{node.name} carries no annotation"
                found[f"{path.stem}.{node.name}"] = (path.name, *expected)
    return found


EXPECTED = collect()
WORLDS: list[dict[str, str]] = [
    {"PYTHONHASHSEED": "1", "TZ": "UTC", "LC_ALL": "C"},
    {"PYTHONHASHSEED": "4242", "TZ": "Pacific/Auckland", "LC_ALL": "C.UTF-8", "SETTING": "other", "HOME": "/nowhere"},
]


@pytest.fixture(scope="session")
def outcomes(tmp_path_factory: pytest.TempPathFactory) -> list[dict[str, Any]]:
    made = []
    for world in WORLDS:
        folder = tmp_path_factory.mktemp("world")
        environment = {k: v for k, v in os.environ.items() if not k.startswith(("PYTHON", "LC_"))} | world
        done = subprocess.run(
            [sys.executable, str(HERE / "run_cases.py"), str(folder / "outcomes.json")],
            env=environment, cwd=folder, capture_output=True, text=True, timeout=120,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        made.append(json.loads((folder / "outcomes.json").read_text()))
    return made


def test_there_are_enough_cases() -> None:
    assert len(EXPECTED) >= 250


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
