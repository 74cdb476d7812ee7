"""Of each event, what a replay needs: no message is made but for what is rare.

`scan` gives one tuple per event, `(kind, event_id, a, b)`. `kind` is the field number of the event's content in
HistoryEvent (0: none that we know), and tells what `a` and `b` are:

    ====  =====================  ==========================================  ==============================
    kind                         a                                           b
    ====  =====================  ==========================================  ==============================
    3     executionStarted       name                                        input
    6     taskScheduled          name                                        taskExecutionId
    7     taskCompleted          taskScheduledId                             result
    8     taskFailed             taskScheduledId                             TaskFailureDetails or None
    9     child...Created        name                                        instanceId
    10    child...Completed      taskScheduledId                             result
    11    child...Failed         taskScheduledId                             TaskFailureDetails or None
    12    timerCreated           fireAt, nanoseconds                         origin, `(number, text)` or None
    13    timerFired             timerId                                     fireAt, nanoseconds
    14    workflowStarted        the event's timestamp, nanoseconds          WorkflowVersion or None
    17    eventRaised            name                                        input
    else  anything else          where the content begins                    where it ends
    ====  =====================  ==========================================  ==============================

Payloads are the JSON text or None. An origin is the field number in TimerCreatedEvent (4 createTimer, 5 externalEvent,
6 activityRetry, 7 childWorkflowRetry) and what the origin names. The tuple of the n-th span belongs to the n-th span:
`codec.decode_at(HistoryEvent, data, *span)` gives the rest.
"""

from __future__ import annotations

import struct
from collections.abc import Iterable
from typing import Any

from . import _fast
from ._messages import Timestamp
from ._wire import (
    MAX_DEPTH,
    MINUS_ONE,
    TWO,
    DecodeError,
    fields,
    length,
    short_varint,
    signed32,
    skip,
    stamp_11,
    stamp_12,
    varint,
    wrapper,
)

Span = tuple[int, int]
"""Where something begins and ends in a buffer."""

Scanned = tuple[int, int, Any, Any]
"""kind, event_id, a, b: see the table above."""

_read_timestamp: Any = _fast.decode_Timestamp
_read_event: Any = _fast.decode_HistoryEvent


def timestamp_ns(stamp: Timestamp) -> int:
    """A timestamp as nanoseconds since the epoch."""
    return stamp.seconds * 1_000_000_000 + stamp.nanos


def scan(data: bytes, spans: Iterable[Span]) -> list[Scanned]:
    """What a replay needs of the encoded HistoryEvents at `spans` in `data` (as `codec.split` found them).

    Raises DecodeError for an event that it cannot read. An event is read along the path that every known writer takes
    (fields in order, each once); one that leaves it is decoded in full, so the answer is always that of `decode`.
    """
    found: list[Scanned] = []
    add = found.append
    a: Any
    b: Any
    for start, end in spans:
        try:
            i = start
            event_id = 0
            if data[i] == 8:
                event_id = data[i + 1]
                i += 2
                if event_id > 127:
                    c = data[i]
                    if c < 128:
                        event_id += (c << 7) - 128
                        i += 1
                    elif data[i - 1 : i + 9] == MINUS_ONE:
                        event_id = -1
                        i += 9
                    else:
                        event_id, i = varint(data, i, event_id)
                        event_id = signed32(event_id)
            stamp = i
            if data[i] == 18:
                n = data[i + 1]
                i += n + 2
                if n > 127:  # no timestamp is that long
                    add(_slow(data, start, end))
                    continue
            t = data[i]
            n = data[i + 1]
            i += 2
            if t > 127:  # two bytes of tag: kinds from 16 on
                t = t & 127 | n << 7
                n = data[i]
                i += 1
            if n > 127:
                c = data[i]
                if c < 128:
                    n += (c << 7) - 128
                    i += 1
                else:
                    n, i = length(data, i, n)
            stop = i + n
            if stop != end and (stop > end or not _is_router(data, stop, end)):
                add(_slow(data, start, end))
                continue
            if t == 58 or t == 82:  # a task or a child completed
                a = 0
                b = None
                k = i
                if k < stop and data[k] == 8:
                    a = data[k + 1]
                    k += 2
                    if a > 127:
                        c = data[k]
                        if c > 127:
                            add(_slow(data, start, end))
                            continue
                        a += (c << 7) - 128
                        k += 1
                if k < stop and data[k] == 18:
                    n = data[k + 1]
                    if n < 128:
                        k += 2
                        j = k + n
                        if n > 1 and data[k] == 10 and data[k + 1] == n - 2:
                            b = data[k + 2 : j].decode()
                        else:
                            b = _text(data, k, j)
                        k = j
                    else:
                        c = data[k + 2]
                        if c > 127:
                            add(_slow(data, start, end))
                            continue
                        k += 3
                        n += (c << 7) - 131
                        j = k + n + 3
                        if n > 127 and data[k] == 10 and data[k + 1] == (n & 127 | 128) and data[k + 2] == n >> 7:
                            b = data[k + 3 : j].decode()
                        else:
                            b = _text(data, k, j)
                        k = j
                if k < stop and data[k] == 26 and data[k + 1] < 128:  # taskExecutionId, passed over
                    k += data[k + 1] + 2
                if k == stop or _passes(data, k, stop, 18):
                    add((t >> 3, event_id, a, b))
                else:
                    add(_slow(data, start, end))
            elif t == 50:  # a task was scheduled
                a = b = ""
                k = i
                if k < stop and data[k] == 10:
                    n = data[k + 1]
                    k += 2
                    if n > 127:
                        n, k = length(data, k, n)
                    a = data[k : k + n].decode()
                    k += n
                # version, input, trace context: passed over on the way to taskExecutionId
                while k < stop:
                    u = data[k]
                    if u == 42:
                        break
                    if u != 26 and u != 18 and u != 34:
                        break
                    n = data[k + 1]
                    k += 2
                    if n > 127:
                        c = data[k]
                        if c < 128:
                            n += (c << 7) - 128
                            k += 1
                        else:
                            n, k = length(data, k, n)
                    k += n
                if k < stop and data[k] == 42:
                    n = data[k + 1]
                    k += 2
                    if n > 127:
                        n, k = length(data, k, n)
                    b = data[k : k + n].decode()
                    k += n
                if k == stop or _passes(data, k, stop, 42):
                    add((6, event_id, a, b))
                else:
                    add(_slow(data, start, end))
            elif t == 138:  # an event was raised
                a = ""
                b = None
                k = i
                if k < stop and data[k] == 10:
                    n = data[k + 1]
                    k += 2
                    if n > 127:
                        n, k = length(data, k, n)
                    a = data[k : k + n].decode()
                    k += n
                if k < stop and data[k] == 18:
                    n = data[k + 1]
                    k += 2
                    if n > 127:
                        n, k = length(data, k, n)
                    j = k + n
                    if 1 < n < 128 and data[k] == 10 and data[k + 1] == n - 2:
                        b = data[k + 2 : j].decode()
                    elif 130 < n < 16384 and data[k] == 10 and data[k + 1] + (data[k + 2] << 7) == n + 125:
                        b = data[k + 3 : j].decode() if data[k + 1] > 127 else _text(data, k, j)
                    else:
                        b = _text(data, k, j)
                    k = j
                add((17, event_id, a, b) if k == stop else _slow(data, start, end))
            elif t == 106:  # a timer fired
                a = 0
                k = i
                b = 0
                if k < stop and data[k] == 10 and data[k + 1] < 128:
                    k += data[k + 1] + 2
                    b = _ns(data, i + 2, k)
                if k < stop and data[k] == 16:
                    a = data[k + 1]
                    k += 2
                    if a > 127:
                        a, k = varint(data, k, a)
                        a = signed32(a)
                add((13, event_id, a, b) if k == stop else _slow(data, start, end))
            elif t == 98:  # a timer was created
                a = 0
                b = None
                k = i
                if k < stop and data[k] == 10 and data[k + 1] < 128:
                    k += data[k + 1] + 2
                    a = _ns(data, i + 2, k)
                if k < stop and data[k] == 18:  # its name, passed over
                    n = data[k + 1]
                    k += n + 2 if n < 128 else end
                if k + 1 < stop:
                    u = data[k]
                    n = data[k + 1]
                    if u == 34 and n == 0:
                        b = (4, "")
                        k += 2
                    elif (u == 42 or u == 50 or u == 58) and n < 128 and data[k + 2] == 10 and data[k + 3] == n - 2:
                        b = (u >> 3, data[k + 4 : k + n + 2].decode())
                        k += n + 2
                add((12, event_id, a, b) if k == stop else _slow(data, start, end))
            elif t == 114:  # a turn began
                at = _ns(data, stamp + 2, stamp + 2 + data[stamp + 1]) if data[stamp] == 18 else 0
                add((14, event_id, at, None) if i == stop else _slow(data, start, end))
            else:
                add(_slow(data, start, end))
        except (IndexError, ValueError, struct.error):
            add(_slow(data, start, end))
    return found


def _is_router(b: bytes, i: int, end: int) -> bool:
    """Whether b[i:end] is one field 30, the router."""
    if b[i] != 242 or b[i + 1] != 1:
        return False
    n = b[i + 2]
    i += 3
    if n > 127:
        n, i = length(b, i, n)
    return i + n == end


def _passes(b: bytes, i: int, end: int, last: int) -> bool:
    """Whether b[i:end] holds only fields which come after tag `last` and have a size: nothing that a scan reads."""
    while i < end:
        t = b[i]
        i += 1
        if t > 127:
            t, i = short_varint(b, i, t)
        if t <= last | 7:
            return False
        i = skip(b, i, t, end, MAX_DEPTH)
    return i == end


def _text(b: bytes, i: int, end: int) -> str:
    """The text of the StringValue b[i:end]."""
    value = wrapper(b, i, end, MAX_DEPTH, 10, [])
    return value.decode() if isinstance(value, bytes) else ""


def _ns(b: bytes, i: int, end: int) -> int:
    """The Timestamp b[i:end] in nanoseconds."""
    n = end - i
    if n == 12 and b[i] == 8 and b[i + 6] == 16:
        c, d, e, f, g, n = stamp_12(b, i)
        seconds: int = TWO[c] + (TWO[d] << 14) + (e << 28)
        nanos: int = TWO[f] + (TWO[g] << 14) + (n << 28)
        if seconds < 0x800000000 and nanos < 0x80000000:
            return seconds * 1_000_000_000 + nanos
    elif n == 11 and b[i] == 8 and b[i + 6] == 16:
        c, d, e, f, g = stamp_11(b, i)
        if g < 0x8000:
            seconds = TWO[c] + (TWO[d] << 14) + (e << 28)
            nanos = TWO[f] + (TWO[g | 0x8000] << 14)
            if seconds < 0x800000000 and nanos < 0x80000000:
                return seconds * 1_000_000_000 + nanos
    return timestamp_ns(_read_timestamp(b, i, end, MAX_DEPTH))


def _slow(b: bytes, start: int, end: int) -> Scanned:
    """Decode the whole event and take from it what `scan` promises."""
    try:
        event = _read_event(b, start, end, MAX_DEPTH)
    except (IndexError, struct.error):
        raise DecodeError("HistoryEvent: cut short") from None
    except ValueError as error:
        raise DecodeError(f"HistoryEvent: {error}") from None
    name = event._group_current["eventType"]
    if name is None:
        return 0, event.event_id, start, end
    kind = _KINDS[name]
    content = getattr(event, name)
    read = _CONTENTS.get(kind)
    if read is not None:
        return (kind, event.event_id, *read(event, content))
    return kind, event.event_id, *_content_span(b, start, end, kind)


def _content_span(b: bytes, i: int, end: int, kind: int) -> Span:
    """Where the content of an event stands that has been read before."""
    span = end, end
    while i < end:
        t = b[i]
        i += 1
        if t > 127:
            t, i = short_varint(b, i, t)
        stop = skip(b, i, t, end, MAX_DEPTH)
        if t == kind << 3 | 2:
            n = b[i]
            i += 1
            if n > 127:
                n, i = length(b, i, n)
            span = i, stop
        i = stop
    return span


def _ns_of(message: Any, name: str) -> int:
    stamp = fields(message).get(name)
    return 0 if stamp is None else timestamp_ns(stamp)


def _origin(content: Any) -> tuple[int, str] | None:
    name = content._group_current["origin"]
    if name is None:
        return None
    number, attribute = {
        "create_timer": (4, None),
        "external_event": (5, "name"),
        "activity_retry": (6, "task_execution_id"),
        "child_workflow_retry": (7, "instance_id"),
    }[name]
    return number, getattr(getattr(content, name), attribute) if attribute else ""


_KINDS: dict[str, int] = {name: tag >> 3 for tag, (name, _, _) in _fast._members_HistoryEvent.items()}

_CONTENTS: dict[int, Any] = {
    3: lambda event, content: (content.name, content.input),
    6: lambda event, content: (content.name, content.task_execution_id),
    7: lambda event, content: (content.task_scheduled_id, content.result),
    8: lambda event, content: (content.task_scheduled_id, fields(content).get("failure_details")),
    9: lambda event, content: (content.name, content.instance_id),
    10: lambda event, content: (content.task_scheduled_id, content.result),
    11: lambda event, content: (content.task_scheduled_id, fields(content).get("failure_details")),
    12: lambda event, content: (_ns_of(content, "fire_at"), _origin(content)),
    13: lambda event, content: (content.timer_id, _ns_of(content, "fire_at")),
    14: lambda event, content: (_ns_of(event, "timestamp"), content.version),
    17: lambda event, content: (content.name, content.input),
}
