"""The kit's fixtures, filled as a user would fill them."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import HealthCheck, settings

from tests.testing import shop
from trio_durable import Worker

# `make fuzz`: five tests of this many examples each, and some of client operations. The default profile is small enough
# for every run of the suite. Other examples every time: a failure prints the blob or the script that repeats it, and
# `make fuzz` the seed of the whole.
settings.register_profile(
    "fuzz",
    max_examples=10_000,
    derandomize=False,
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)

#: How many examples each test of test_fuzz.py has judged.
EXAMPLES: Counter[str] = Counter()


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if EXAMPLES:
        told = ", ".join(f"{name} {count:,}" for name, count in EXAMPLES.items())
        terminalreporter.write_line(f"fuzz: {EXAMPLES.total():,} examples ({told})")


@pytest.fixture
def durable_worker() -> Worker:
    return shop_worker()


def shop_worker() -> Worker:
    worker = Worker("nowhere")
    for orchestrator in shop.ORCHESTRATORS:
        worker.add_orchestrator(orchestrator)
    for activity in shop.ACTIVITIES:
        worker.add_activity(activity)
    return worker
