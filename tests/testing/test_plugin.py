"""The pytest plugin costs those who do not use it nothing: pytest imports it in every session."""

from __future__ import annotations

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
