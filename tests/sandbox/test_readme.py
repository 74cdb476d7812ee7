"""sandbox/README.md: the package is usable alone, and every block of code in it runs."""

from __future__ import annotations

import re
import shutil
import subprocess
import sys
from pathlib import Path

import trio_durable_sandbox

SANDBOX = Path(__file__).resolve().parents[2] / "sandbox"


def blocks() -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", (SANDBOX / "README.md").read_text(), re.DOTALL | re.MULTILINE)


def test_every_block_runs_with_the_package_and_the_standard_library_alone(tmp_path: Path) -> None:
    """In an interpreter without site-packages: the first block is the user's file, the others follow each other."""
    shutil.copytree(Path(trio_durable_sandbox.__file__).parent, tmp_path / "trio_durable_sandbox")
    users, *engines = blocks()
    assert len(engines) == (SANDBOX / "README.md").read_text().count("```python") - 1 >= 2
    (tmp_path / "orders.py").write_text(users)
    (tmp_path / "main.py").write_text("\n".join(engines))
    start = f"import sys; sys.path.insert(0, {str(tmp_path)!r}); import runpy; runpy.run_path('main.py')"
    done = subprocess.run(
        [sys.executable, "-I", "-S", "-W", "error", "-c", start],
        capture_output=True, text=True, timeout=60, cwd=tmp_path,
    )  # fmt: skip
    assert (done.returncode, done.stderr) == (0, "")


def test_nothing_but_the_standard_library_is_imported() -> None:
    place = Path(trio_durable_sandbox.__file__).parent.parent
    start = (
        f"import sys; sys.path.insert(0, {str(place)!r}); before = set(sys.modules); "
        "import trio_durable_sandbox, trio_durable_sandbox._scan_source, trio_durable_sandbox._scan_report; "
        "print(*{name.partition('.')[0] for name in set(sys.modules) - before} - sys.stdlib_module_names)"
    )
    done = subprocess.run([sys.executable, "-I", "-S", "-c", start], capture_output=True, text=True, timeout=60)
    names = [name for name in done.stdout.split() if not name.startswith("_sysconfigdata")]  # of this platform
    assert names == ["trio_durable_sandbox"]
