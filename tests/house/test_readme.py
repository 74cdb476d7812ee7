"""The README's examples do what they say, and its links lead somewhere."""

from __future__ import annotations

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

from tests.patience import PATIENCE

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")
PYTHON = [sys.executable, "-W", "error"]


def blocks() -> list[str]:
    found = re.findall(r"```python\n(.*?)```", README, re.DOTALL)
    assert len(found) == 3
    return found


def test_the_example_runs(tmp_path: Path) -> None:
    script = tmp_path / "example.py"
    script.write_text(blocks()[0], encoding="utf-8")
    ran = subprocess.run([*PYTHON, script], cwd=tmp_path, capture_output=True, text=True, timeout=PATIENCE, check=False)
    assert (ran.stdout, ran.stderr, ran.returncode) == ("sold for 70\n", "", 0)
    assert (tmp_path / "orders.db").exists()


def test_the_processes_work_together(tmp_path: Path) -> None:
    # The command of the README, but for its port: a free one here, told to the others as users would tell it.
    assert "trio-durable sidecar --port 4001 --db durable.db" in README
    worker, client = tmp_path / "worker.py", tmp_path / "client.py"
    worker.write_text(blocks()[1], encoding="utf-8")
    client.write_text(blocks()[2], encoding="utf-8")
    command = [*PYTHON, "-m", "trio_durable", "sidecar", "--port", "0", "--db", "durable.db"]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as sidecar:
        try:
            assert sidecar.stdout is not None
            ready = re.search(r"ready on ([\w.]+:\d+)", sidecar.stdout.readline())
            assert ready is not None
            environment = {**os.environ, "DAPR_GRPC_ENDPOINT": ready[1]}
            with subprocess.Popen([*PYTHON, worker], cwd=tmp_path, env=environment) as serving:
                try:
                    ran = subprocess.run(
                        [*PYTHON, client],
                        cwd=tmp_path, env=environment, capture_output=True, text=True, timeout=PATIENCE, check=False,
                    )  # fmt: skip
                    assert (ran.stdout, ran.stderr, ran.returncode) == ("['Hello, Ada!', 'Hello, Emmy!']\n", "", 0)
                    assert serving.poll() is None, "the worker serves on"
                finally:
                    serving.kill()
        finally:
            sidecar.terminate()
    assert (tmp_path / "durable.db").exists()


@pytest.mark.parametrize("page", ["README.md", "CONTRIBUTING.md", "CHANGELOG.md"])
def test_links_lead_somewhere(page: str) -> None:
    links = re.findall(r"\]\((?!https?://)([^)#]+)", (ROOT / page).read_text(encoding="utf-8"))
    assert [link for link in links if not (ROOT / link).exists()] == []


def test_every_page_is_linked() -> None:
    assert {path.name for path in (ROOT / "docs").glob("*.md")} <= set(re.findall(r"\(docs/([\w.-]+)\)", README))
