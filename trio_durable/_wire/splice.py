"""Work items made of events that are encoded already.

The sidecar keeps every event as the bytes it was written as.  A work item is those bytes behind their field tags and
lengths, joined: nothing in it is decoded or encoded again, whatever the length of the history.  Field numbers are those
of WorkItem (1, 2, 10), WorkflowRequest (1, 2, 3, 4, 8, 9), ActivityRequest (8), StringValue (1), CachedHistory (1) and
GetInstanceHistoryResponse (1).
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator

import trio_durable_proto as pb
from trio_durable_proto import codec

from trio_durable._core.events import Event
from trio_durable._wire.events import event_from_pb
from trio_durable._wire.requests import Activity, activity_to_pb

__all__ = [
    "HEALTH_PING",
    "activity_item",
    "events_in",
    "frame_past",
    "history_response",
    "pack_task",
    "split_past",
    "turn_item",
    "unpack_task",
]

_PAST = b"\x1a"
_NEW = b"\x22"
_PROPAGATED = b"\x42"

#: A work item that asks for nothing; workers which do not know it ignore it.
HEALTH_PING = codec.encode(pb.WorkItem(health_ping=pb.HealthPing()))


def frame_past(event: bytes) -> bytes:
    """`event` as an entry of pastEvents; what the history keeps, so that joining is all that a turn costs."""
    return _PAST + _varint(len(event)) + event


def turn_item(
    instance_id: str,
    execution_id: str | None,
    past: Iterable[bytes],
    new: Iterable[bytes],
    token: str,
    *,
    cached: int | None = None,
    handed_down: bytes | None = None,
) -> bytes:
    """A WorkItem for a turn.

    past: framed by `frame_past`, joined or not; new: bare encoded events; cached: None, or how many events precede
    `past`; handed_down: an encoded PropagatedHistory.
    """
    parts = [_field(b"\x0a", instance_id.encode())]
    if execution_id is not None:
        parts.append(_field(b"\x12", _field(b"\x0a", execution_id.encode()) if execution_id else b""))
    parts.extend(past)
    parts.extend(_NEW + _varint(len(event)) + event for event in new)
    if handed_down is not None:
        parts.append(_field(_PROPAGATED, handed_down))
    if cached is not None:
        parts.append(_field(b"\x4a", b"\x08" + _varint(cached) if cached else b""))
    request = b"".join(parts)
    return b"".join((b"\x0a", _varint(len(request)), request, _token(token)))


def activity_item(activity: Activity, token: str, *, handed_down: bytes | None = None) -> bytes:
    """A WorkItem for an activity.  handed_down: an encoded PropagatedHistory."""
    request = codec.encode(activity_to_pb(activity))
    if handed_down is not None:
        request += _field(_PROPAGATED, handed_down)
    return _field(b"\x12", request) + _token(token)


def pack_task(event: bytes, handed_down: bytes | None) -> bytes:
    """What a sidecar keeps of an activity that waits: its event, and what it is to be shown of the histories above."""
    # No message begins with a zero byte: there is no field 0.
    return event if handed_down is None else b"\0" + _varint(len(event)) + event + handed_down


def unpack_task(data: bytes) -> tuple[bytes, bytes | None]:
    """What `pack_task` packed."""
    if not data.startswith(b"\0"):
        return data, None
    length, at = _read_varint(data, 1)
    return data[at : at + length], data[at + length :]


def history_response(past: Iterable[bytes]) -> bytes:
    """A GetInstanceHistoryResponse of `past`, events framed by `frame_past`, in pieces of any number of events."""
    return b"".join(b"\x0a" + _varint(len(event)) + event for piece in past for event in split_past(piece))


def split_past(piece: bytes) -> Iterator[bytes]:
    """The encoded events that `frame_past` framed and somebody joined."""
    at = 0
    while at < len(piece):
        length, at = _read_varint(piece, at + 1)  # behind the tag: one byte, always the same
        yield piece[at : at + length]
        at += length


def events_in(past: Iterable[bytes]) -> list[Event]:
    """Decode the events of `past`; raises codec.DecodeError."""
    request = codec.decode(pb.WorkflowRequest, b"".join(past))
    return [event_from_pb(event) for event in request.past_events]


def _token(token: str) -> bytes:
    return _field(b"\x52", token.encode()) if token else b""


def _field(tag: bytes, body: bytes) -> bytes:
    return tag + _varint(len(body)) + body


def _read_varint(data: bytes, at: int) -> tuple[int, int]:
    """The number at `at`, and where it ends."""
    number = shift = 0
    while True:
        byte = data[at]
        at += 1
        number |= (byte & 0x7F) << shift
        shift += 7
        if byte < 0x80:
            return number, at


def _varint(number: int) -> bytes:
    if number < 0x80:
        return bytes((number,))
    out = bytearray()
    while number >= 0x80:
        out.append(number & 0x7F | 0x80)
        number >>= 7
    out.append(number)
    return bytes(out)
