"""The pytest plugin costs those who do not use it nothing: pytest imports it in every session."""

from __future__ import annotations

import os
import subprocess
import sys
from importlib.metadata import entry_points


def test_the_plugin_imports_nothing_of_the_rest():
    (plugin,) = entry_points(group="pytest11", name="trio_durable")
    code = (
        "import sys, pytest\n"
        "before = set(sys.modules)\n"
        f"import {plugin.value}\n"
        "new = {name.partition('.')[0] for name in set(sys.modules) - before}\n"
        f"assert new <= set(sys.stdlib_module_names) | {{{plugin.value!r}}}, new\n"
    )
    subprocess.run([sys.executable, "-c", code], check=True)


def test_a_folder_without_histories_is_an_error(tmp_path):
    """With no parameters pytest would skip the test, and a folder that was moved would never be missed."""
    (tmp_path / "test_it.py").write_text(
        "import pytest\n@pytest.mark.durable_histories('moved')\ndef test_it(durable_history): pass\n"
    )
    command = [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", f"--rootdir={tmp_path}", tmp_path]
    plain = {name: value for name, value in os.environ.items() if not name.startswith("PYTEST")}
    done = subprocess.run(command, capture_output=True, text=True, cwd=tmp_path, env=plain)
    assert done.returncode == 2, done.stdout
    assert f"there are no recorded histories in {tmp_path / 'moved'}: export one" in done.stdout
