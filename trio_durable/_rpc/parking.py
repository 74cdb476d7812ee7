"""Where a task of this room waits: an event that can fail, a byte buffer, a queue for stream slots.

They replace asyncio's `Event` and `Queue` inside grpclib's classes and keep the same sync surface.  Rules:

1. Setting, failing and adding are sync and may be called from any callback of the connection.
2. A wait whose condition already holds does not give up control.  Whoever loops over such waits checks for
   cancellation himself (`framing.read_message` does, once per message).
3. A woken waiter looks again before it goes on, so a condition that was taken back meanwhile is not overrun.
4. Failing is for good, but data and flags that came before the failure are still delivered first.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable

import trio
from trio.lowlevel import Abort, Task, current_task, reschedule, wait_task_rescheduled

from .failures import StreamLost

__all__ = ["Buffer", "Event", "Slots"]


class Event:
    """`asyncio.Event`'s surface, and `fail(error)`."""

    __slots__ = ("_error", "_flag", "_waiters")

    def __init__(self) -> None:
        self._flag = False
        self._error: StreamLost | None = None
        self._waiters: dict[Task, None] = {}

    def is_set(self) -> bool:
        return self._flag

    def set(self) -> None:
        self._flag = True
        self._wake()

    def clear(self) -> None:
        self._flag = False

    def fail(self, error: StreamLost) -> None:
        """Every present and future `wait` raises a copy of `error` unless the flag is set."""
        if self._error is None:
            self._error = error
            self._wake()

    async def wait(self) -> None:
        while not self._flag:
            if self._error is not None:
                raise self._error.fresh()
            task = current_task()
            self._waiters[task] = None

            def abort(_: object, task: Task = task) -> Abort:
                self._waiters.pop(task, None)
                return Abort.SUCCEEDED

            await wait_task_rescheduled(abort)

    def _wake(self) -> None:
        if self._waiters:
            waiters, self._waiters = self._waiters, {}
            for task in waiters:
                reschedule(task)


class Buffer:
    """The bytes of one stream, handed to its single reader in the sizes it asks for.

    Flow control: a chunk is acknowledged when it is pulled towards a read, not when it arrives.  So at most one stream
    window plus the message being assembled is held in memory, and a message larger than the window still gets through.
    """

    __slots__ = (
        "_acknowledge",
        "_ended",
        "_error",
        "_offset",
        "_pending",
        "_reader",
        "_ready",
        "_ready_size",
        "_unacked",
    )

    def __init__(self, acknowledge: Callable[[int], None]) -> None:
        self._acknowledge = acknowledge
        self._pending: deque[tuple[bytes, int]] = deque()  # (data, flow-controlled length), not acknowledged
        self._unacked = 0
        self._ready: deque[bytes] = deque()  # acknowledged, not read
        self._ready_size = 0
        self._offset = 0  # how much of the first ready chunk has been read
        self._ended = False
        self._error: StreamLost | None = None
        self._reader: Task | None = None

    def add(self, data: bytes, ack_size: int) -> None:
        if not data:  # nothing but padding: nobody will ever read it
            if ack_size:
                self._acknowledge(ack_size)
            return
        self._pending.append((data, ack_size))
        self._unacked += ack_size
        self._wake()

    def eof(self) -> None:
        self._ended = True
        self._wake()

    def fail(self, error: StreamLost) -> None:
        if not self._ended and self._error is None:
            self._error = error
            self._wake()

    def unacked_size(self) -> int:
        """What the connection still owes the peer when the stream is released unread."""
        size, self._unacked = self._unacked, 0
        self._pending.clear()
        return size

    def ready(self) -> bool:
        """Whether a read may go on without waiting for the peer."""
        return bool(self._ready_size or self._pending or self._ended or self._error is not None)

    async def read(self, size: int) -> bytes:
        """Exactly `size` bytes; b"" at the end of the stream; `StreamLost` if it broke or ended in between."""
        while True:
            if self._ready_size < size:
                self._pull(size)
            if self._ready_size >= size:
                return self._take(size) if size else b""
            if self._error is not None:
                raise self._error.fresh()
            if self._ended:
                if not self._ready_size:
                    return b""
                raise StreamLost(
                    f"the stream ended in the middle of a message: {self._ready_size} of {size} bytes came"
                )
            if self._reader is not None:
                raise trio.BusyResourceError("another task is already reading this stream")
            self._reader = current_task()
            await wait_task_rescheduled(self._abort)

    def _abort(self, _: object) -> Abort:
        self._reader = None
        return Abort.SUCCEEDED

    def _wake(self) -> None:
        if self._reader is not None:
            task, self._reader = self._reader, None
            reschedule(task)

    def _pull(self, size: int) -> None:
        """Acknowledge, once for all, the chunks that make up the next `size` bytes."""
        owed = 0
        pending = self._pending
        while pending and self._ready_size < size:
            data, ack_size = pending.popleft()
            self._ready.append(data)
            self._ready_size += len(data)
            owed += ack_size
        if owed:
            self._unacked -= owed
            self._acknowledge(owed)

    def _take(self, size: int) -> bytes:
        self._ready_size -= size
        ready = self._ready
        head, start = ready[0], self._offset
        end = start + size
        if end < len(head):
            self._offset = end
            return head[start:end]
        ready.popleft()
        self._offset = 0
        if end == len(head):
            return head[start:] if start else head
        parts: list[bytes | memoryview] = [memoryview(head)[start:]]
        missing = end - len(head)
        while missing and missing >= len(ready[0]):
            head = ready.popleft()
            parts.append(head)
            missing -= len(head)
        if missing:
            parts.append(memoryview(ready[0])[:missing])
            self._offset = missing
        return b"".join(parts)


class Slots:
    """First come, first served admission to the peer's MAX_CONCURRENT_STREAMS.

    grpclib wakes every waiter whenever a stream closes; with 1,000 callers and 100 slots that is a stampede of 450,000
    futile wake-ups.  Here one freed slot wakes one waiter, and the slot is its own until `done()`.
    """

    __slots__ = ("_error", "_free", "_queue", "_reserved")

    def __init__(self, free: Callable[[], int]) -> None:
        self._free = free  # slots the peer leaves open now, not counting reservations
        self._reserved = 0
        self._queue: dict[Task, None] = {}
        self._error: StreamLost | None = None

    async def acquire(self) -> None:
        """Wait for a slot.  The caller opens its stream and then calls `done()`, whatever happened in between."""
        if self._error is not None:
            raise self._error.fresh()
        if not self._queue and self._free() > self._reserved:
            self._reserved += 1
            return
        task = current_task()
        self._queue[task] = None

        def abort(_: object) -> Abort:
            self._queue.pop(task, None)
            return Abort.SUCCEEDED

        await wait_task_rescheduled(abort)
        if self._error is not None:
            self._reserved -= 1
            raise self._error.fresh()

    def done(self) -> None:
        self._reserved -= 1
        self.wake()

    def wake(self) -> None:
        while self._queue and (self._error is not None or self._free() > self._reserved):
            task = next(iter(self._queue))
            del self._queue[task]
            self._reserved += 1
            reschedule(task)

    def fail(self, error: StreamLost) -> None:
        """Turn every waiter away, now and later: the connection takes no new streams."""
        if self._error is None:
            self._error = error
            self.wake()
