"""Tells when a turn takes too long.

Turns run on Trio's thread, one after the other: code that loops without awaiting, or computes for long, holds up every
other instance of its worker, and nothing in Trio can say so.  A thread that looks at the clock can.
"""

from __future__ import annotations

import logging
import sys
import threading
import time
import traceback
from collections.abc import Iterator
from contextlib import contextmanager

__all__ = ["Watchdog"]

logger = logging.getLogger("trio_durable.worker")

#: Seconds after which a turn is reported, and how often it is looked.
SLOW = 5.0
LOOK_EVERY = 1.0


class Watchdog:
    """Looks at the turns of one worker from a thread of its own; use as a context manager while serving."""

    def __init__(self, slow: float = SLOW, look_every: float = LOOK_EVERY) -> None:
        self._slow = slow
        self._look_every = look_every
        self._turn: tuple[float, str, int] | None = None
        self._reported: object = None
        self._ended = threading.Event()

    @contextmanager
    def watching(self) -> Iterator[None]:
        """Look until the block ends."""
        thread = threading.Thread(target=self._look, name="trio_durable watchdog", daemon=True)
        thread.start()
        try:
            yield
        finally:
            self._ended.set()
            thread.join()

    @contextmanager
    def turn(self, instance_id: str) -> Iterator[None]:
        """A turn of this instance runs in the block, in the calling thread."""
        self._turn = (time.monotonic(), instance_id, threading.get_ident())
        try:
            yield
        finally:
            self._turn = None

    def _look(self) -> None:
        while not self._ended.wait(self._look_every):
            turn = self._turn
            if turn is None or turn is self._reported or time.monotonic() - turn[0] < self._slow:
                continue
            self._reported = turn
            began, instance_id, thread = turn
            frame = sys._current_frames().get(thread)
            stack = "".join(traceback.format_stack(frame, limit=8)[-4:]) if frame is not None else "unknown\n"
            logger.warning(
                "a turn of instance %r has been running for %.0f s without awaiting, and holds up every other instance "
                "of this worker. An orchestration must not loop or compute for long; move that into an activity. "
                "It is at:\n%s",
                instance_id,
                time.monotonic() - began,
                stack,
            )
