"""`io="thread"`: the same channel, its sockets served by one Trio thread of their own.

A Trio program that blocks its thread for seconds (a plain function that computes, a long import) answers no PING, and
daprd closes a connection after 5 s without an answer.  Here another thread answers.

Rules:

1. Only bytes and plain values cross; messages are encoded and decoded in the caller's thread.
2. A unary call crosses twice: the request over, the answer back.  Stream messages come over in batches, at most
   `_AHEAD_MESSAGES` messages or `_AHEAD_BYTES` ahead of the reader.
3. Cancelling crosses both ways: a caller that leaves cancels the call's task over there, which resets the stream; a
   call that ends over there wakes its caller with a GRPCError.
4. Neither thread ever waits for the other with its own event loop stopped.
"""

from __future__ import annotations

import logging
import math
import threading
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from types import TracebackType
from typing import Any

import trio
from grpclib.const import Cardinality, Status
from grpclib.exceptions import GRPCError, ProtocolError
from grpclib.metadata import Deadline
from multidict import MultiDict

from . import seams
from .address import Address
from .channel import CallDeadline, Channel
from .framing import Pace, decode, encode
from .parking import Event

__all__ = ["ThreadedChannel", "ThreadedStream", "open_threaded"]

log = logging.getLogger("trio_durable.rpc")

_AHEAD_MESSAGES = 256
_AHEAD_BYTES = 1024 * 1024
_JOIN = 5.0  # seconds in which the thread has to end


class _Inbox:
    """Items from the I/O thread to one task of the caller's, in order; one wake-up for a batch."""

    def __init__(self, host: trio.lowlevel.TrioToken) -> None:
        self._host = host
        self._items: deque[Any] = deque()
        self._posted = False
        self._arrived = Event()

    def put(self, item: Any) -> None:
        """From the I/O thread.  `deque.append` comes first: whoever sees `_posted` set knows that a look is to come."""
        self._items.append(item)
        if not self._posted:
            self._posted = True
            _post(self._host, self._wake)

    def _wake(self) -> None:
        self._posted = False
        self._arrived.set()

    def empty(self) -> bool:
        return not self._items

    async def get(self) -> Any:
        while not self._items:
            self._arrived.clear()
            if not self._items:
                await self._arrived.wait()
        return self._items.popleft()


def _post(token: trio.lowlevel.TrioToken, function: Callable[..., object], *args: Any) -> bool:
    """Run `function` in the other thread soon; False, and nothing, if that thread is done."""
    try:
        token.run_sync_soon(function, *args)
    except trio.RunFinishedError:
        return False
    return True


class _Loop:
    """The I/O thread: one Trio run around one inline channel."""

    def __init__(self, open_inline: Callable[[], AbstractAsyncContextManager[Channel]]) -> None:
        self._open_inline = open_inline
        self.host = trio.lowlevel.current_trio_token()
        self.started = trio.Event()  # of the host
        self.finished = trio.Event()  # of the host
        self.failure: BaseException | None = None
        self.token: trio.lowlevel.TrioToken
        self.channel: Channel
        self._nursery: trio.Nursery
        self._closing: trio.Event
        self._calls = 0
        self._quiet: trio.Event | None = None  # set when the last call has ended
        self.thread = threading.Thread(target=self._run, name="trio_durable rpc", daemon=True)

    def _run(self) -> None:
        try:
            trio.run(self._main)
        except BaseException as error:
            self.failure = error
            log.exception("the rpc thread failed")
        finally:
            _post(self.host, self.started.set)
            _post(self.host, self.finished.set)

    async def _main(self) -> None:
        self.token = trio.lowlevel.current_trio_token()
        self._closing = trio.Event()
        async with trio.open_nursery() as nursery, self._open_inline() as channel:
            self._nursery, self.channel = nursery, channel
            _post(self.host, self.started.set)
            await self._closing.wait()
            channel.close()  # calls in flight end with a status, which goes over to their callers
            with trio.move_on_after(1):
                while self._calls:
                    self._quiet = trio.Event()
                    await self._quiet.wait()
            nursery.cancel_scope.cancel()

    def close(self) -> None:
        """From the host."""
        _post(self.token, self._closing.set)

    def spawn(self, inbox: _Inbox, function: Callable[..., Awaitable[None]], *args: Any) -> None:
        """From the host: a task over there.  If it cannot be, `inbox` gets the error that says so."""
        if not _post(self.token, self._spawn, inbox, function, *args):
            inbox.put(("error", self._closed()))

    def _spawn(self, inbox: _Inbox, function: Callable[..., Awaitable[None]], *args: Any) -> None:
        try:
            self._nursery.start_soon(self._counted, function, *args)
        except RuntimeError:  # the nursery takes no more tasks
            inbox.put(("error", self._closed()))

    def _closed(self) -> GRPCError:
        return GRPCError(Status.CANCELLED, f"the channel to {self.channel.address} is closed")


    async def _counted(self, function: Callable[..., Awaitable[None]], *args: Any) -> None:
        self._calls += 1
        try:
            await function(*args)
        finally:
            self._calls -= 1
            if not self._calls and self._quiet is not None:
                self._quiet.set()


class _Call:
    """The far half of a call: a task in the I/O thread."""

    def __init__(self, loop: _Loop, inbox: _Inbox) -> None:
        self._loop = loop
        self._inbox = inbox
        self._scope = trio.CancelScope()
        self._messages = self._bytes = 0  # handed over and not yet taken
        self._room: trio.Event | None = None

    async def run(
        self,
        path: str,
        cardinality: Cardinality,
        request: bytes,
        call_left: float | None,
        scope_left: float,
        metadata: Any,
    ) -> None:
        if scope_left != math.inf:
            self._scope.deadline = trio.current_time() + scope_left
        ended = False

        def put(item: tuple[str, Any]) -> None:
            nonlocal ended
            ended = item[0] in ("end", "error")
            self._inbox.put(item)

        try:
            await self._run(put, path, cardinality, request, call_left, metadata)
        finally:
            if not ended:  # cancelled: by its caller, who does not listen, by its deadline, or by the channel's end
                late = trio.current_time() >= self._scope.deadline
                status = Status.DEADLINE_EXCEEDED if late else Status.CANCELLED
                put(("error", GRPCError(status, "the call was cancelled in the rpc thread")))

    async def _run(
        self,
        put: Callable[[tuple[str, Any]], None],
        path: str,
        cardinality: Cardinality,
        request: bytes,
        call_left: float | None,
        metadata: Any,
    ) -> None:
        with self._scope:
            try:
                async with self._loop.channel.request(
                    path, cardinality, bytes, bytes, timeout=call_left, metadata=metadata
                ) as stream:
                    await stream.send_message(request, end=True)
                    await stream.recv_initial_metadata()
                    put(("initial", stream.initial_metadata))
                    while (message := await stream.recv_message()) is not None:
                        put(("message", message))
                        self._messages += 1
                        self._bytes += len(message)
                        if not cardinality.server_streaming:
                            break
                        if self._messages >= _AHEAD_MESSAGES or self._bytes >= _AHEAD_BYTES:
                            self._room = trio.Event()
                            await self._room.wait()
                put(("end", stream.trailing_metadata))
            except GRPCError as error:
                put(("error", error))
            except Exception as error:
                log.exception("a call failed in the rpc thread")
                put(("error", GRPCError(Status.INTERNAL, f"{type(error).__name__}: {error}")))

    def cancel(self) -> None:
        self._scope.cancel()

    def taken(self, messages: int, size: int) -> None:
        self._messages -= messages
        self._bytes -= size
        if self._room is not None:
            room, self._room = self._room, None
            room.set()


class ThreadedStream:
    """One call, seen from the caller's thread; the surface of grpclib's `client.Stream` for single requests."""

    def __init__(
        self,
        channel: ThreadedChannel,
        name: str,
        cardinality: Cardinality,
        request_type: Any,
        reply_type: Any,
        metadata: Any,
        deadline: CallDeadline | None,
    ) -> None:
        self._channel = channel
        self._name, self._cardinality = name, cardinality
        self._request_type, self._reply_type = request_type, reply_type
        self._metadata = metadata
        self._deadline = deadline
        self._scope_deadline = math.inf
        self._call: _Call | None = None
        self._inbox = _Inbox(channel._loop.host)
        self._pace = Pace()
        self._taken = self._taken_bytes = 0
        self._received = 0
        self._ended = False
        self.initial_metadata: Any = None
        self.trailing_metadata: Any = None
        self.peer = None

    async def __aenter__(self) -> ThreadedStream:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if exc is None and self._call is not None and not self._cardinality.server_streaming:
                while not self._ended:
                    await self._next()
        finally:
            await self.cancel()

    async def send_request(self, *, end: bool = False) -> None:
        """The request goes over with its message."""
        await trio.lowlevel.checkpoint_if_cancelled()
        if end or self._cardinality.client_streaming:
            raise ProtocolError('io="thread" carries calls with one request message only; use io="inline" for others')

    async def send_message(self, message: Any, *, end: bool = False) -> None:
        await self.send_request()
        if self._call is not None:
            raise ProtocolError(f"{self._name} takes one request message, and it was sent already")
        loop, dispatch = self._channel._loop, self._channel.__dispatch__
        (message,) = await dispatch.send_message(message)
        request = encode(self._channel._codec, message, self._request_type)
        (metadata,) = await dispatch.send_request(
            self._metadata, method_name=self._name, deadline=self._deadline, content_type="application/grpc"
        )
        now = trio.current_time()
        self._scope_deadline = trio.current_effective_deadline()
        self._call = _Call(loop, self._inbox)
        loop.spawn(
            self._inbox,
            self._call.run,
            self._name,
            self._cardinality,
            request,
            None if self._deadline is None else max(0.0, self._deadline.when - now),
            self._scope_deadline - now,
            list(metadata.items()),
        )

    async def end(self) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()

    async def recv_initial_metadata(self) -> None:
        while self.initial_metadata is None and not self._ended:
            await self._next()

    async def recv_message(self) -> Any:
        await self._pace(waits=self._inbox.empty())
        while not self._ended:
            data = await self._next()
            if data is not None:
                message = decode(self._channel._codec, data, self._reply_type, self._name)
                (message,) = await self._channel.__dispatch__.recv_message(message)
                self._received += 1
                return message
        return None

    async def recv_trailing_metadata(self) -> None:
        while not self._ended:
            await self._next()

    def __aiter__(self) -> ThreadedStream:
        return self

    async def __anext__(self) -> Any:
        message = await self.recv_message()
        if message is None:
            raise StopAsyncIteration
        return message

    async def cancel(self) -> None:
        if self._call is not None and not self._ended:
            self._ended = True
            _post(self._channel._loop.token, self._call.cancel)

    async def _next(self) -> bytes | None:
        """Take one item.  The bytes of a message; None for anything else; raises what the call failed with."""
        if self._call is None:
            raise ProtocolError(f"the request of {self._name} was not sent yet")
        kind, value = await self._inbox.get()
        if kind == "message":
            self._taken += 1
            self._taken_bytes += len(value)
            if self._inbox.empty() or self._taken >= _AHEAD_MESSAGES // 2 or self._taken_bytes >= _AHEAD_BYTES // 2:
                if self._cardinality.server_streaming:
                    _post(self._channel._loop.token, self._call.taken, self._taken, self._taken_bytes)
                self._taken = self._taken_bytes = 0
            data: bytes = value
            return data
        if kind == "initial":
            self.initial_metadata = value
            return None
        self._ended = True
        if kind == "error":
            if value.status is Status.DEADLINE_EXCEEDED and self._scope_deadline - trio.current_time() < 0.1:
                await trio.sleep_until(self._scope_deadline)  # the caller's own scope expires: that is its to tell
            raise value
        self.trailing_metadata = value
        return None


class ThreadedChannel(seams.ChannelBase):
    """`Channel`'s surface, over the thread."""

    def __init__(self, loop: _Loop, address: Address, codec: Any, metadata: Any) -> None:
        self.address = address
        self._loop: Any = loop
        self._codec = codec
        self._default_metadata = tuple(MultiDict(metadata or ()).items())
        self.__dispatch__ = seams.DispatchChannelEvents()

    def __repr__(self) -> str:
        return f"<trio_durable Channel to {self.address}, in a thread>"

    @property
    def connections_made(self) -> int:
        made: int = self._loop.channel.connections_made
        return made

    @property
    def active_calls(self) -> int:
        active: int = self._loop.channel.active_calls
        return active

    async def wait_ready(self) -> None:
        """As `Channel.wait_ready`."""
        inbox = _Inbox(self._loop.host)
        scope = trio.CancelScope()

        async def wait() -> None:
            with scope:
                try:
                    await self._loop.channel.wait_ready()
                except GRPCError as error:
                    inbox.put(("error", error))
                else:
                    inbox.put(("ready", None))

        self._loop.spawn(inbox, wait)
        try:
            _, error = await inbox.get()
        except trio.Cancelled:
            _post(self._loop.token, scope.cancel)
            raise
        if error is not None:
            raise error

    def request(  # type: ignore[override]
        self,
        name: str,
        cardinality: Cardinality,
        request_type: Any,
        reply_type: Any,
        *,
        timeout: float | None = None,
        deadline: Deadline | None = None,
        metadata: Any = None,
    ) -> ThreadedStream:
        """As `Channel.request`."""
        sent = MultiDict(self._default_metadata)
        if metadata:
            sent.extend(metadata)
        return ThreadedStream(
            self, name, cardinality, request_type, reply_type, sent, CallDeadline.of(deadline, timeout)
        )

    def close(self) -> None:
        self._loop.close()

    def __del__(self) -> None:
        """The thread is ended by the context manager that started it."""


@asynccontextmanager
async def open_threaded(
    open_inline: Callable[[], AbstractAsyncContextManager[Channel]], address: Address, codec: Any, metadata: Any
) -> AsyncIterator[ThreadedChannel]:
    """Start the thread, and end it with the block."""
    loop = _Loop(open_inline)
    loop.thread.start()
    with trio.CancelScope(shield=True):  # a matter of milliseconds; half a thread would be worse
        await loop.started.wait()
    if loop.failure is not None:
        raise loop.failure
    try:
        yield ThreadedChannel(loop, address, codec, metadata)
    finally:
        loop.close()
        with trio.move_on_after(_JOIN, shield=True) as scope:
            await loop.finished.wait()
            loop.thread.join()
        if scope.cancelled_caught:
            log.error("the rpc thread did not end within %g s", _JOIN)

