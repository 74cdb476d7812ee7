"""What one connection may cost the server.

Two rules stand against floods, rapid reset (CVE-2023-44487) among them:

1. Calls are counted while their *handler* runs, not while their stream is open: a stream opened and reset a thousand
   times in one segment is refused from the limit on, as its handlers have not ended yet.
2. Frames that cost us work or an answer and the peer next to nothing (resets, refused streams, PING, SETTINGS,
   PRIORITY) draw on a budget that refills with time.  Whoever overdraws it gets GOAWAY ENHANCE_YOUR_CALM.
"""

from __future__ import annotations

import trio

__all__ = ["Limits"]


class Limits:
    """`max_concurrent_streams` calls at once; `burst` cheap frames at once and `rate` a second after that."""

    def __init__(self, max_concurrent_streams: int = 4096, *, burst: int = 4000, rate: float = 1000.0) -> None:
        if max_concurrent_streams < 1:
            raise ValueError(f"max_concurrent_streams must be at least 1, not {max_concurrent_streams}")
        self.max_concurrent_streams = max_concurrent_streams
        self._burst = burst
        self._rate = rate
        self._tokens = float(burst)
        self._at = trio.current_time()

    def admit(self, load: int) -> bool:
        """Whether one more call may start while `load` handlers are running."""
        return load < self.max_concurrent_streams

    def charge(self) -> bool:
        """Pay for one cheap frame; False when the budget is spent."""
        if self._tokens < 1:
            now = trio.current_time()
            self._tokens = min(float(self._burst), (now - self._at) * self._rate + self._tokens)
            self._at = now
            if self._tokens < 1:
                return False
        self._tokens -= 1
        return True
