"""The kit's fixtures, filled as a user would fill them."""

from __future__ import annotations

import pytest
from hypothesis import settings

from tests.testing import shop
from trio_durable import Worker

# `make fuzz`: six tests of 9,000 examples each. The default profile is small enough for every run of the suite.
settings.register_profile("fuzz", max_examples=9_000, deadline=None, print_blob=True)


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
