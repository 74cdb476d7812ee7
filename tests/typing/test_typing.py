"""mypy and pyright infer from the public API what users expect, and find the mistakes they make."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE

HERE = Path(__file__).resolve().parent
ROOT = HERE.parents[1]


def mypy(file: Path, cache: Path) -> str:
    pytest.importorskip("mypy")
    ran = subprocess.run(
        [sys.executable, "-m", "mypy", "--strict", "--no-error-summary", "--cache-dir", str(cache), str(file)],
        capture_output=True,
        text=True,
        cwd=ROOT,
    )
    assert ran.stderr == ""
    return ran.stdout


def pyright(file: Path, cache: Path, *how: str) -> str:
    program = shutil.which("pyright", path=str(Path(sys.executable).parent)) or shutil.which("pyright")
    if program is None:
        pytest.skip("pyright is not installed: pip install pyright")
    # The first run fetches pyright itself, as long as that takes; and it need not look for newer ones.
    environment = {**os.environ, "PYRIGHT_PYTHON_IGNORE_WARNINGS": "1"}
    try:
        ran = subprocess.run(
            [program, "--pythonpath", sys.executable, *how, str(file)],
            capture_output=True, text=True, cwd=ROOT, env=environment, timeout=PATIENCE,
        )  # fmt: skip
    except subprocess.TimeoutExpired:
        pytest.skip(f"pyright was not there after {PATIENCE:g} s")
    if not re.search(r"\d+ errors?, ", ran.stdout) or "No source files" in ran.stdout:
        pytest.skip(f"pyright could not be run: {(ran.stdout + ran.stderr)[-300:]}")
    return ran.stdout


@pytest.fixture(params=[mypy, pyright])
def checker(request):
    return request.param


def reported(output: str, file: Path) -> set[int]:
    return {int(line) for line in re.findall(rf"{file.name}:(\d+)(?::\d+)?(?: - |: )error", output)}


def test_what_is_right_passes(checker, tmp_path):
    output = checker(HERE / "api.py", tmp_path)
    assert not reported(output, HERE / "api.py"), output


def test_what_is_wrong_is_found(checker, tmp_path):
    file = HERE / "wrong.py"
    expected = {at for at, line in enumerate(file.read_text().splitlines(), 1) if line.endswith("# wrong")}
    output = checker(file, tmp_path)
    assert reported(output, file) == expected, output


def test_what_users_read_is_typed_as_strictly_as_it_can_be(tmp_path):
    """The examples, the guide and the README's blocks, under pyright's strictest rules: nothing is unknown."""
    programs = tmp_path / "programs"
    shutil.copytree(ROOT / "examples", programs, ignore=shutil.ignore_patterns("__pycache__"))
    for page in ("README.md", "docs/guide.md"):
        blocks = re.findall(r"```python\n(.*?)```", (ROOT / page).read_text(encoding="utf-8"), re.DOTALL)
        one_program = page == "docs/guide.md"
        for number, block in enumerate(["\n\n".join(blocks)] if one_program else blocks):
            (programs / f"{Path(page).stem.lower()}_{number}.py").write_text(block, encoding="utf-8")
    settings = {
        "typeCheckingMode": "strict",
        "extraPaths": [str(ROOT), str(ROOT / "sandbox"), str(ROOT / "proto")],
        "reportMissingModuleSource": False,
    }
    (tmp_path / "pyrightconfig.json").write_text(json.dumps(settings), encoding="utf-8")
    output = pyright(tmp_path / "pyrightconfig.json", tmp_path, "--project")
    assert re.search(r"^0 errors", output, re.MULTILINE), output
