"""Time as the protocol keeps it: whole nanoseconds since 1970-01-01T00:00:00Z.

`datetime` holds microseconds, protobuf timestamps hold nanoseconds, and a sidecar compares them exactly; so nanoseconds
are kept everywhere and a `datetime` is made only where a person's code asks for one.
"""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

__all__ = ["FOREVER", "from_datetime", "from_timedelta", "to_datetime"]

#: 9999-12-31T23:59:59.999999999Z: the fire time of a timer that stands for "no time limit" (an indefinite event wait).
FOREVER = 253_402_300_799_999_999_999

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MICROSECOND = timedelta(microseconds=1)


def to_datetime(ns: int) -> datetime:
    """The aware UTC datetime at `ns`, truncated to microseconds."""
    return _EPOCH + timedelta(microseconds=ns // 1000)


def from_datetime(moment: datetime) -> int:
    """Nanoseconds at `moment`.  A naive datetime means UTC: the host's time zone must never decide when a timer
    fires.
    """
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return (moment - _EPOCH) // _MICROSECOND * 1000


def from_timedelta(delta: timedelta) -> int:
    """Nanoseconds in `delta`."""
    return delta // _MICROSECOND * 1000
