"""Every example runs as it is, and prints what it says it prints."""

from __future__ import annotations

import ast
import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE

EXAMPLES = Path(__file__).resolve().parents[2] / "examples"
SAMPLES = [
    "chaining", "fan_out", "human_interaction", "sub_orchestration", "monitor", "retries", "versioning", "saga",
    "metadata", "async_tour", "non_determinism", "cross_app", "encrypted",
]  # fmt: skip


#: More than one idea each: the demo, and what it runs.
LONG = {"demo", "survey"}


def test_every_example_is_short():
    lengths = {path.stem: len(path.read_text().splitlines()) for path in EXAMPLES.glob("*.py")}
    assert {name for name, lines in lengths.items() if lines >= 80} == LONG


WORKER_SAYS = re.compile(r"(activity '\w+' of|orchestration) instance '[^']+' failed: ")


@pytest.mark.parametrize("name", SAMPLES)
def test_example(name):
    path = EXAMPLES / f"{name}.py"
    if name == "encrypted":
        pytest.importorskip("cryptography")
    source = path.read_text()
    assert len(source.splitlines()) < 80, "an example shows one idea, in fewer than 80 lines"
    _, said, block = (ast.get_docstring(ast.parse(source)) or "").partition("Prints:\n")
    assert said, "the docstring ends with what the example prints"
    expected = [line.removeprefix("    ") for line in block.splitlines()]
    ran = subprocess.run(
        [sys.executable, "-W", "error", str(path)],
        capture_output=True,
        text=True,
        timeout=PATIENCE,
        env={**os.environ, "PYTHONPATH": os.pathsep.join(sys.path)},
    )
    # What fails on purpose is logged by the worker; nothing else may be said there.
    said_aside = [line for line in ran.stderr.splitlines() if not WORKER_SAYS.match(line)]
    assert (ran.returncode, said_aside) == (0, []), ran.stderr
    assert ran.stdout.splitlines() == expected
