"""The durable Trio gives a trace that real Trio gives.

Every program runs on real Trio under MockClock with SEEDS scheduler seeds.  Its trace on the durable Trio must be one
of those.  Then the worker is made to forget everything before every turn, and the events are batched in other ways.
"""

from __future__ import annotations

from functools import cache

import pytest

from tests.durable.kit import Trace, durable_run, real_traces
from tests.durable.programs import PROGRAMS, RACY

SEEDS = 200

pytestmark = pytest.mark.filterwarnings("ignore::trio.TrioDeprecationWarning")


@cache
def observed(name: str) -> dict[Trace, int]:
    return real_traces(PROGRAMS[name], SEEDS)


def test_the_suite_is_large_enough():
    assert len(PROGRAMS) >= 120
    assert len(PROGRAMS) - len(RACY) >= 100


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_trace_is_one_of_trios(name):
    traces = observed(name)
    assert (len(traces) > 1) is (name in RACY), traces
    assert durable_run(PROGRAMS[name]).trace in traces


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_crash_at_every_turn_changes_nothing(name):
    warm = durable_run(PROGRAMS[name])
    cold = durable_run(PROGRAMS[name], crash=True)
    assert cold.trace == warm.trace
    assert cold.actions == warm.actions
    assert cold.history == warm.history


@pytest.mark.parametrize("name", [name for name in PROGRAMS if name not in RACY])
@pytest.mark.parametrize("batch", ["single", "reversed"])
def test_batching_changes_neither_ids_nor_trace(name, batch):
    together = durable_run(PROGRAMS[name])
    other = durable_run(PROGRAMS[name], batch=batch)
    assert other.trace == together.trace
    assert other.ids == together.ids
