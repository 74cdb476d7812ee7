"""Points in time: protobuf's seconds and nanoseconds <-> _core's nanoseconds.  Lossless both ways."""

from __future__ import annotations

import trio_durable_proto as pb

from trio_durable._wire.presence import given, present

__all__ = ["optional_time", "time_from_pb", "time_to_pb"]

_SECOND = 1_000_000_000


def time_from_pb(stamp: pb.Timestamp) -> int:
    """Nanoseconds since the epoch; an absent timestamp reads as 0, as in every protobuf library."""
    return stamp.seconds * _SECOND + stamp.nanos


def optional_time(stamp: pb.Timestamp | None) -> int | None:
    """Nanoseconds since the epoch, or None where the field is absent."""
    stamp = given(stamp)
    return None if stamp is None else time_from_pb(stamp)


def time_to_pb(ns: int) -> pb.Timestamp:
    """The timestamp at `ns`; it is written even at the epoch, where every field of it is zero."""
    seconds, nanos = divmod(ns, _SECOND)
    return present(pb.Timestamp(seconds=seconds, nanos=nanos))
