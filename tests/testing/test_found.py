"""What `replays` has found in the engine, as it printed it."""

from __future__ import annotations

from tests.testing import shop
from trio_durable.testing import play


def test_one_resume_ends_two_suspensions():
    """The second suspension was held back, and applied after the resume."""
    outcome = play(
        shop.waits,
        """
        start
        turn root
        suspend
        suspend
        turn root
        resume
        turn root
        raise go 0
        turn root
        """,
        drain=False,
    )
    assert outcome.result == 0
