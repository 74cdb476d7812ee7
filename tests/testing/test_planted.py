"""The kit finds every planted fault and accuses no correct twin; the published table says so truthfully."""

from __future__ import annotations

import pytest

from tests.testing.planted_kit import ELSEWHERE, NAMES, ON_THE_SECOND, TABLE, TOOLS, examine
from trio_durable.testing import pair, script


@pytest.fixture(autouse=True)
def short_turns(monkeypatch):
    monkeypatch.setattr(pair, "TURN_SECONDS", 1.0)
    monkeypatch.setattr(script, "DRAIN_LIMIT", 150)


def published(name: str) -> set[str]:
    row = next(line for line in TABLE.read_text(encoding="utf-8").splitlines() if line.startswith(f"| {name}:"))
    return {tool for tool, mark in zip(TOOLS, row.split("|")[4:], strict=False) if mark.strip() == "found"}


def test_the_corpus_is_large_enough():
    assert len(NAMES) >= 40
    text = TABLE.read_text(encoding="utf-8")
    assert f"{len(NAMES)} of {len(NAMES)} faults found, 0 of {len(NAMES)} twins accused." in text


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.filterwarnings("ignore::trio_durable_sandbox.SandboxWarning")
def test_a_planted_fault_is_found(name):
    found = examine(name, "faulty")
    assert found.by, "nothing in the kit sees this fault"
    # Whether two processes hash alike is chance: what a history from another one shows is shown on most days only.
    by_chance = ({"replay"} if name in ELSEWHERE else set()) | ({"replays"} if name in ON_THE_SECOND else set())
    assert set(found.by) - by_chance == published(name) - by_chance


@pytest.mark.parametrize("name", NAMES)
def test_a_correct_twin_is_not_accused(name):
    assert not examine(name, "correct", examples=8).by
