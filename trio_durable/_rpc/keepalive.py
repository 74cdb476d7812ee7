"""Finding out that a peer is gone although its connection is not.

Rules:

1. A PING goes out after `time` seconds in which nothing came in, and the connection is closed when nothing at all,
   answer or data, came in for `timeout` seconds after it.  So a dead peer is known after `time + timeout` seconds.
2. It is off by default on the client: durabletask-go alone accepts one PING in five minutes and answers more with
   GOAWAY too_many_pings.  daprd enforces 8 s, which is the least that is allowed here.
3. A program of ours that was blocked is not a dead peer: the verdict falls only after the reader had its turn.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass

import trio

from .connection import Connection

__all__ = ["MINIMUM_TIME", "Keepalive", "watch"]

log = logging.getLogger("trio_durable.rpc")

MINIMUM_TIME = 8.0


@dataclass(frozen=True)
class Keepalive:
    """When to send HTTP/2 PINGs.

    time: seconds without input before a PING is sent; at least 8 unless `unchecked`.
    timeout: seconds that the peer then has to send anything.
    permit_without_calls: whether to watch a connection on which no call is active.
    unchecked: lets tests use shorter times; peers answer frequent PINGs with GOAWAY too_many_pings.
    """

    time: float = 30.0
    timeout: float = 10.0
    permit_without_calls: bool = True
    unchecked: bool = False

    def __post_init__(self) -> None:
        if self.timeout <= 0:
            raise ValueError(f"Keepalive.timeout must be positive, not {self.timeout}")
        if self.time <= 0 or (self.time < MINIMUM_TIME and not self.unchecked):
            raise ValueError(
                f"Keepalive.time must be at least {MINIMUM_TIME:g} seconds, not {self.time}: peers enforce that"
            )

    def slower(self) -> Keepalive:
        """What to try after the peer complained of too many PINGs."""
        return Keepalive(self.time * 2, self.timeout, self.permit_without_calls, self.unchecked)


async def watch(connection: Connection, options: Keepalive, give_up: Callable[[str], None]) -> None:
    """Ping and wait, for as long as the connection lives; `give_up(reason)` when the peer is silent."""
    while not connection.is_closing():
        idle = trio.current_time() - connection.last_heard
        if idle < options.time:
            await trio.sleep(options.time - idle)
            continue
        if not options.permit_without_calls and not connection.active:
            await trio.sleep(options.time)
            continue
        asked = trio.current_time()
        connection.ping()
        with trio.move_on_after(options.timeout):
            await connection.ping_acked.wait()
        for _ in range(3):  # rule 3: the reader may not have run since the answer came
            await trio.lowlevel.checkpoint()
        if not connection.ping_acked.is_set() and connection.last_heard <= asked:
            give_up(
                f"keepalive: nothing came from the peer for {trio.current_time() - connection.last_heard:.1f} s, "
                f"and it did not answer a PING within {options.timeout:g} s"
            )
            return
