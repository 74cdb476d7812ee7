"""What callers give, held against what the protocol can carry, before anything is sent."""

from __future__ import annotations

import time
from collections.abc import Callable
from datetime import datetime, timedelta
from typing import Any

from trio_durable._core import clock
from trio_durable._naming import called_by, noted

__all__ = ["instance_id_of", "moment", "name_of", "text"]


def text(what: str, value: object, *, empty: bool = False) -> str:
    """`value`, which has to be text; raises TypeError, or ValueError for text that cannot be sent."""
    if not isinstance(value, str):
        raise TypeError(f"{what} must be a string, got {value!r}")
    if not value and not empty:
        raise ValueError(f"{what} must not be empty")
    try:
        value.encode()
    except UnicodeEncodeError as error:
        raise ValueError(f"{what} must be text that UTF-8 can write, got {value!r}") from error
    return value


def instance_id_of(value: object) -> str:
    """The id of an instance that is to be found."""
    return text("instance_id", value)


def name_of(orchestrator: Callable[..., Any] | str) -> str:
    """The name by which workers know it: the text given, what the function was registered under, or its own."""
    name = orchestrator if isinstance(orchestrator, str) else called_by(orchestrator, noted(orchestrator))
    return text("the orchestrator's name", name)


def moment(what: str, when: object) -> int:
    """Nanoseconds since the epoch: at a datetime (a naive one means UTC), or so long after now."""
    if isinstance(when, timedelta):
        return time.time_ns() + clock.from_timedelta(when)
    if isinstance(when, datetime):
        return clock.from_datetime(when)
    raise TypeError(f"{what} is a datetime or a timedelta from now, got {when!r}")
