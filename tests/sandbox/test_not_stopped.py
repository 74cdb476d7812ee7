# ruff: noqa: E501 (user code on one line)
"""What the sandbox knowingly does not stop. Each entry of the list in sandbox/README.md has its proof here.

When one of these starts to fail, the sandbox has become better: move the entry into `cases/`.
"""

from __future__ import annotations

import importlib
import re
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from trio_durable_sandbox import Sandbox

HOLES = {
    "clock-in-library": ("import user_vendored\nreturn user_vendored.stamp() > 1.7e9 + 1e6", True),
    "entropy-in-library": ("import user_vendored\nreturn user_vendored.Model().id != user_vendored.Model().id", True),
    "shared-state": ("import user_vendored\nalias = user_vendored.STATE\nalias.append(1)\nreturn user_vendored.STATE", [1]),
    "members-by-introspection": (
        "import inspect, datetime\nreturn dict(inspect.getmembers(datetime.datetime))['now']().year > 2023",
        True,
    ),
    "base-classes-by-introspection": (
        "import random\nkind = random.Random.__mro__[1]\nreturn kind().random() != kind().random()", True,
    ),
    "sets-in-libraries": (
        "import user_vendored\nwords = {str(n) for n in range(50)}\nreturn user_vendored.listed(words) != [*words]", True,
    ),
    "sleep-in-library": ("import user_vendored\nuser_vendored.nap()\nreturn 1", 1),
    "format-strings": ("from datetime import datetime\nreturn 'built-in' in '{0.now}'.format(datetime)", True),
    "closures": ("import time\nreturn any(callable(c.cell_contents) for c in time.sleep.__closure__)", True),
    "file-names-in-tracebacks": (
        "import traceback\ntry:\n    1 / 0\nexcept ZeroDivisionError:\n    return 'user_hole_file_names' in traceback.format_exc()",
        True,
    ),
    "builtin-types-under-other-names": (
        "make = list\nwords = {str(n) for n in range(50)}\nreturn make(words) != [*words]",
        True,
    ),
    "text-within-objects": (
        "import inspect, logging\ndef g(x=object()): ...\nrecord = logging.makeLogRecord({'msg': '%s', 'args': (object(),)})\n"
        "return ' at 0x' in str(inspect.signature(g)), ' at 0x' in record.getMessage()",
        (True, True),
    ),
    "environment-under-another-name": ("import user_vendored\nreturn user_vendored.e['PATH'] != ''", True),
    "fields-of-shared-classes": (
        "import importlib, dataclasses\nm = importlib.import_module('user_hole_shared_models')\n"
        "dataclasses.fields(m.D)[0].default = 2\nreturn dataclasses.fields(m.D)[0].default",
        2,
    ),
    "bytes-of-a-message": (
        "from email.mime.multipart import MIMEMultipart\nreturn bytes(MIMEMultipart()) != bytes(MIMEMultipart())", True,
    ),
    "garbage-collection": ("seen = []\nclass C:\n    def __del__(self): seen.append(1)\nC()\nreturn seen", [1]),
    "system-exit": ("try:\n    raise SystemExit(3)\nexcept SystemExit as e:\n    return e.code", 3),
    "recursion": ("def f(n):\n    try: return f(n + 1)\n    except RecursionError: return n\nreturn f(0) > 50", True),
    "busy-loops": ("n = 0\nwhile n < 1000: n += 1\nreturn n", 1000),
}


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    packages = tmp_path / "site-packages"
    packages.mkdir()
    (packages / "user_vendored.py").write_text(
        "import time, uuid\nfrom os import environ as e\nfrom dataclasses import dataclass, field\nSTATE = []\n"
        "def stamp(): return time.time()\ndef nap(): time.sleep(0)\ndef listed(items): return [item for item in items]\n@dataclass\nclass Model:\n    id: object = field(default_factory=uuid.uuid4)\n"
    )
    (tmp_path / "user_hole_shared_models.py").write_text(
        "from dataclasses import dataclass\n@dataclass\nclass D:\n    x: int = 1\n"
    )
    monkeypatch.syspath_prepend(str(packages))
    monkeypatch.syspath_prepend(str(tmp_path))
    yield tmp_path
    for name in [name for name in sys.modules if name.startswith(("user_vendored", "user_hole"))]:
        del sys.modules[name]


@pytest.mark.parametrize("hole", HOLES)
def test_not_stopped(hole: str, folder: Path) -> None:
    if hole == "sleep-in-library" and sys.version_info >= (3, 13):
        pytest.skip("time.sleep is audited since 3.13")
    body, expected = HOLES[hole]
    name = "user_hole_" + hole.replace("-", "_")
    text = "\n".join("    " + line for line in body.splitlines())
    (folder / f"{name}.py").write_text(f"def f():\n{text}\n")
    importlib.invalidate_caches()
    module: Any = importlib.import_module(name)
    sandbox = Sandbox()
    run = sandbox.new_run("i", "s", lambda: 1_700_000_000_000_000_000)
    function = sandbox.load(module.f).instantiate(run)
    with run.active():
        assert function() == expected
    assert run.violations == []
    run.close()


def test_the_readme_lists_them_all() -> None:
    readme = (Path(__file__).parents[2] / "sandbox" / "README.md").read_text()
    assert set(re.findall(r"^- `([a-z-]+)`:", readme, re.MULTILINE)) == set(HOLES)
