"""Long polls: waits that the sidecar answers when something has happened, and that outlive a sidecar for a while."""

from __future__ import annotations

import math
from collections.abc import Awaitable, Callable
from datetime import timedelta

import trio

from trio_durable._client.door import Door
from trio_durable._errors import NotFoundError, UnavailableError
from trio_durable._rpc import Stub
from trio_durable._wire import calls
from trio_durable._wire.calls import ByInstance, GotInstance
from trio_durable._wire.states import InstanceState, state_from_response

__all__ = ["Waiting", "wait"]

Waiting = Callable[[Stub, ByInstance], Awaitable[GotInstance]]

#: A wait survives the loss of its sidecar for this long.
AWAY_SECONDS = 60.0
FIRST_PAUSE = 0.1
LONGEST_PAUSE = 2.0


async def wait(
    door: Door, method: Waiting, request: ByInstance, timeout: float | timedelta | None, what: str
) -> InstanceState:
    """The state that `method` gives once the instance's `what` has come; TimeoutError after `timeout`."""
    seconds = _seconds(timeout)
    instance_id = request.instance_id
    with trio.move_on_after(seconds):
        state = await _poll(door, method, request)
        if state is None:
            raise NotFoundError(f"there is no orchestration instance {instance_id!r}")
        return state
    raise TimeoutError(f"no {what} of orchestration instance {instance_id!r} within {seconds:g} s")


def _seconds(timeout: object) -> float:
    if timeout is None:
        return math.inf
    seconds = timeout.total_seconds() if isinstance(timeout, timedelta) else timeout
    if not isinstance(seconds, int | float):
        raise TypeError(f"timeout is a number of seconds or a timedelta, or None; got {timeout!r}")
    if not seconds >= 0:
        raise ValueError(f"timeout is a number of seconds from 0 on, or None; got {timeout!r}")
    return seconds


async def _poll(door: Door, method: Waiting, request: ByInstance) -> InstanceState | None:
    # A first, short answer tells "no sidecar here" from "the sidecar went away while we waited".
    await door.call(Stub.hello, calls.hello())
    pause, away_since = FIRST_PAUSE, None
    while True:
        try:
            return state_from_response(await door.call(method, request, request.instance_id))
        except UnavailableError:
            now = trio.current_time()
            away_since = away_since if away_since is not None else now
            if now - away_since > AWAY_SECONDS:
                raise
        await trio.sleep(pause)
        pause = min(pause * 2, LONGEST_PAUSE)
