"""Every block of code in docs/testing.md: files are written and run, commands are run."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import trio_durable

PAGE = Path(__file__).parents[2] / "docs" / "testing.md"
BLOCK = re.compile(r"^```(\w+)\n(.*?)^```$", re.MULTILINE | re.DOTALL)


def run(folder: Path, *command: str) -> None:
    root = Path(trio_durable.__file__).parents[1]
    paths = [root, root / "sandbox", root / "proto", folder]
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(map(str, paths))}
    done = subprocess.run(command, cwd=folder, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, f"{' '.join(command)}\n{done.stdout}\n{done.stderr}"


def test_the_page(tmp_path):
    (tmp_path / "pytest.ini").write_text("[pytest]\ntrio_mode = true\npythonpath = .\n")
    blocks = BLOCK.findall(PAGE.read_text(encoding="utf-8"))
    assert len(blocks) > 10
    tests = []
    for language, text in blocks:
        if language == "python":
            name = text.splitlines()[0].removeprefix("# ")
            assert re.fullmatch(r"\w+\.py", name), f"a block must begin with the name of its file: {text[:50]}"
            (tmp_path / name).write_text(text)
            tests += [name] if name.startswith("test_") else []
        elif language == "console":
            for line in text.splitlines():
                assert line.startswith("$ "), line
                program, *rest = line[2:].split()
                known = {"python": [sys.executable], "trio-durable": [sys.executable, "-m", "trio_durable"]}
                run(tmp_path, *known.get(program, [program]), *rest)
        else:
            pytest.fail(f"a block of {language}: nobody runs it")
    assert len(tests) >= 8
    run(tmp_path, sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", *tests)
