"""The pages that are generated from data."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

from trio_durable_sandbox._policy import RULES
from trio_durable_sandbox._remedies import REMEDIES

from tests.patience import PATIENCE

ROOT = Path(__file__).resolve().parents[2]


def test_the_policy_page_is_current() -> None:
    done = subprocess.run(
        [sys.executable, str(ROOT / "sandbox" / "policy_page.py"), "--check"],
        capture_output=True, text=True, timeout=PATIENCE,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr


def test_every_rule_is_on_the_page_and_has_a_remedy() -> None:
    text = (ROOT / "docs" / "sandbox-policy.md").read_text()
    for rule in RULES:
        assert rule.remedy in REMEDIES
        assert set(rule.remedies.values()) <= set(REMEDIES)
        name = {"posixpath": "os.path"}.get(rule.module, rule.module)
        assert f"`{name}`" in text or f"### {name}" in text, name
