"""The kit's fixtures, filled as a user would fill them."""

from __future__ import annotations

import pytest

from tests.testing import shop
from trio_durable import Worker


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
