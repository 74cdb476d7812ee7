"""External events and those who wait for them.

The rules:

1. Names are compared in any case.
2. An event goes to whoever has waited longest for its name.  If nobody waits it is kept, and given to the first who
   does, the oldest first.
3. Whoever has lost interest in the wait takes no event (`futures.py`): it is for the next, or is kept.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any

from trio_durable._core.events import EventRaised
from trio_durable._core.futures import DurableFuture
from trio_durable._core.tasks import Task

__all__ = ["CANCEL_EVENT", "EventWait", "Mailbox", "asks_to_stop", "reason_to_stop"]

#: An external event of this name, in any case, asks the orchestration to stop: its root scope is cancelled.  Its data,
#: a JSON string or null, is the reason.
CANCEL_EVENT = "trio_durable.cancel"


def asks_to_stop(event: EventRaised) -> bool:
    return event.name.casefold() == CANCEL_EVENT


def reason_to_stop(event: EventRaised) -> str | None:
    """What the data of a CANCEL_EVENT gives as the reason: a JSON string's text, anything else as it is."""
    payload = event.input
    try:
        reason = json.loads(payload) if payload is not None else None
    except ValueError:
        return payload
    return reason if isinstance(reason, str) or reason is None else payload


class Mailbox:
    """The external events of one execution.  unread: those that nobody waited for, in order of arrival."""

    __slots__ = ("_waits", "unread")

    def __init__(self) -> None:
        self.unread: list[EventRaised] = []
        self._waits: dict[str, dict[EventWait, None]] = {}

    def deliver(self, event: EventRaised) -> None:
        """Give `event` to whoever has waited longest for its name; keep it if nobody does."""
        waits = self._waits.get(event.name.casefold())
        if not waits:
            self.unread.append(event)
            return
        wait = next(iter(waits))
        wait.pause()
        wait.future.complete_with(wait.decode, event.input)

    def wait_or_take(self, wait: EventWait) -> bool:
        """Give `wait` the oldest unread event of its name, or a place among those that wait; whether it got one."""
        for position, event in enumerate(self.unread):
            if event.name.casefold() == wait.key:
                del self.unread[position]
                wait.future.complete_with(wait.decode, event.input)
                return True
        self._waits.setdefault(wait.key, {})[wait] = None
        return False

    def leave(self, wait: EventWait) -> None:
        """`wait` takes no event, for now or for ever."""
        waits = self._waits.get(wait.key)
        if waits is not None:
            waits.pop(wait, None)
            if not waits:
                del self._waits[wait.key]

    def awaited(self) -> list[str]:
        """The names that somebody waits for."""
        return sorted(self._waits)


@dataclass(slots=True, eq=False)
class EventWait:
    """Somebody waits for an external event; key: its name, case folded."""

    mailbox: Mailbox
    key: str
    future: DurableFuture[Any]
    decode: Callable[[str | None], Any]

    def pause(self) -> None:
        self.mailbox.leave(self)

    def resume(self) -> None:
        self.mailbox.wait_or_take(self)

    def tasks(self) -> Iterable[Task]:
        return ()
