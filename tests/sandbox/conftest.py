"""User modules written into a folder on `sys.path`, and runs of them."""

from __future__ import annotations

import importlib
import itertools
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from trio_durable_sandbox import Run, Sandbox

START = 1_700_000_000_123_456_789
numbers = itertools.count()


class Workshop:
    """Writes modules, loads orchestrators, and closes what it started."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.runs: list[Run] = []

    def module(self, source: str, name: str | None = None) -> Any:
        """Write and import one on the host."""
        return importlib.import_module(self.write(source, name))

    def write(self, source: str, name: str | None = None) -> str:
        name = name or f"workshop_{next(numbers)}"
        path = self.folder.joinpath(*name.split(".")).with_suffix(".py")
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(source)
        importlib.invalidate_caches()
        return name

    def start(self, function: Any, sandbox: Sandbox | None = None, instance: str = "i", **options: Any) -> Any:
        sandbox = sandbox or Sandbox(**options)
        run = sandbox.new_run(instance, "seed", lambda: START)
        self.runs.append(run)
        return run, sandbox.load(function).instantiate(run)


@pytest.fixture
def workshop(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Workshop]:
    monkeypatch.syspath_prepend(str(tmp_path))
    before = set(sys.modules)
    made = Workshop(tmp_path)
    yield made
    for run in made.runs:
        run.close()
    for name in set(sys.modules) - before:
        found = getattr(sys.modules[name], "__file__", None)
        if found is None or str(found).startswith(str(tmp_path)):
            del sys.modules[name]
