"""The client's channel: grpclib's `Channel` and `client.Stream` on Trio, so that generated stubs work unchanged.

Rules:

1. A call fails with `GRPCError` and nothing else (failures.py); a cancelled scope stays the scope's own affair and
   resets the stream with RST_STREAM CANCEL.
2. An explicit `timeout=` or `deadline=` ends in GRPCError(DEADLINE_EXCEEDED).  The deadline of the caller's cancel
   scopes is sent along as `grpc-timeout`, and ends in that scope's cancellation.
3. No cancel scope is held across a yield: each wait of a call has its own (`_Deadline`), so the async generators that
   betterproto makes of streams are safe.  Leave such a generator early only inside `contextlib.aclosing`.
4. Calls share one connection.  It is dialled by a task of the channel's, never by a caller's, so a caller that gives up
   takes nothing from the others.  A connection is ready when the peer's SETTINGS have come.
5. A call that the peer provably has not seen (`StreamLost.refused`) is sent again by itself, on a new connection if
   need be.  Nothing else is ever sent twice.
"""

from __future__ import annotations

import logging
import math
from types import TracebackType
from typing import Any

import trio
from grpclib.config import Configuration
from grpclib.const import Cardinality, Status
from grpclib.exceptions import GRPCError, ProtocolError, StreamTerminatedError
from grpclib.metadata import Deadline
from h2.config import H2Configuration
from multidict import MultiDict

from . import seams
from .address import Address
from .dialer import Dialer
from .failures import StreamLost
from .framing import Pace, decode, encode, frame_message, read_message

__all__ = ["CallDeadline", "Channel", "ClientStream"]

log = logging.getLogger("trio_durable.rpc")

_ATTEMPTS = 5  # how often a call that was refused unseen is sent in all


class CallDeadline(Deadline):
    """grpclib's `Deadline` on Trio's clock, so that a virtual clock governs it as well."""

    @classmethod
    def at(cls, when: float) -> CallDeadline:
        return cls(_timestamp=when)

    @classmethod
    def of(cls, deadline: Deadline | None, timeout: float | None) -> CallDeadline | None:
        """The sooner of the two, either of which may be missing."""
        now = trio.current_time()
        ends = []
        if timeout is not None:
            ends.append(now + timeout)
        if isinstance(deadline, CallDeadline):
            ends.append(deadline.when)
        elif deadline is not None:
            ends.append(now + deadline.time_remaining())
        return cls.at(min(ends)) if ends else None

    @property
    def when(self) -> float:
        return self._timestamp

    def time_remaining(self) -> float:
        """Seconds left, rounded up to what `grpc-timeout` can say.

        grpclib truncates to seconds above ten and to milliseconds below; the peer would then give up before our own
        deadline and the caller would see the peer's status in place of his scope's expiry.  Half a unit is added so
        that truncation of the product cannot fall below.
        """
        left = max(0.0, self._timestamp - trio.current_time())
        unit = 1.0 if left > 9 else 1e-3
        return (math.ceil(left / unit) + 0.5) * unit


class _NoDeadline:
    """The context manager that grpclib enters around each wait when the call has no deadline of its own."""

    __slots__ = ()
    cancelled = None

    def __enter__(self) -> None:
        pass

    def __exit__(self, *_: object) -> None:
        pass


_NO_DEADLINE = _NoDeadline()


class _Deadline:
    """The same with a deadline: one cancel scope per task and wait, closed when the wait is over."""

    __slots__ = ("_scopes", "_when")
    cancelled = None

    def __init__(self, when: float) -> None:
        self._when = when
        self._scopes: dict[trio.lowlevel.Task, trio.CancelScope] = {}

    def __enter__(self) -> None:
        scope = trio.CancelScope(deadline=self._when)
        scope.__enter__()
        self._scopes[trio.lowlevel.current_task()] = scope

    def __exit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        scope = self._scopes.pop(trio.lowlevel.current_task())
        swallowed = scope.__exit__(exc_type, exc, traceback)
        if scope.cancelled_caught:
            raise GRPCError(Status.DEADLINE_EXCEEDED, "the call's timeout expired before the peer answered")
        return swallowed


class ClientStream(seams.ClientStreamBase[Any, Any]):
    """One call.  `async with` it; `send_message`, then `recv_message` or `async for`."""

    _channel: Channel
    _attempt = 0
    _request: bytes | None = None  # the framed request of a call that sends one message
    _at_end = False
    _data_follows = False
    _scope_deadline = math.inf

    async def __aenter__(self) -> ClientStream:
        own = self._deadline
        self._wrapper: Any = _NO_DEADLINE if own is None else _Deadline(own.when)  # type: ignore[attr-defined]
        self._pace = Pace()
        self._channel._calls_started += 1
        self._channel._last_call_started = trio.current_time()
        return self

    # -- sending

    async def send_request(self, *, end: bool = False) -> None:
        await trio.lowlevel.checkpoint_if_cancelled()
        own = self._deadline
        scope = trio.current_effective_deadline()
        if scope != math.inf:
            self._scope_deadline = scope
            if own is None or scope < own.when:  # type: ignore[attr-defined]
                self._deadline = CallDeadline.at(scope)
        try:
            while True:
                try:
                    await super().send_request(end=end)
                    if not self._data_follows:
                        self._stream.start_sending()  # type: ignore[attr-defined]
                    return
                except StreamTerminatedError as error:
                    self._try_again(error)
        finally:
            self._deadline = own

    async def send_message(self, message: Any, *, end: bool = False) -> None:
        if self._send_message_done and not self._cardinality.client_streaming:
            raise ProtocolError(f"{self._method_name} takes one request message, and it was sent already")
        if self._end_done:
            raise ProtocolError(f"the request of {self._method_name} was ended already")
        (message,) = await self._dispatch.send_message(message)
        # Encoded before the stream is opened: what cannot be encoded never reaches the peer.
        framed = frame_message(encode(self._codec, message, self._send_type), self._channel.max_send_message_length)
        if not self._cardinality.client_streaming:
            self._request, end = framed, True
        await self._send(framed, end)
        self._messages_sent += 1
        self._stream.connection.messages_sent += 1

    async def _send(self, framed: bytes, end: bool) -> None:
        while True:
            if not self._send_request_done:
                self._data_follows = True  # headers and data leave in one piece
                await self.send_request()
            try:
                with self._wrapper:
                    await self._stream.send_data(framed, end_stream=end)
            except StreamTerminatedError as error:
                self._try_again(error)
            else:
                self._send_message_done = True
                self._end_done = end
                return

    async def end(self) -> None:
        try:
            await super().end()
        except StreamTerminatedError as error:
            raise self._failure(error) from error

    # -- receiving

    async def recv_initial_metadata(self) -> None:
        while True:
            try:
                await super().recv_initial_metadata()
                return
            except StreamTerminatedError as error:
                self._try_again(error)
                assert self._request is not None
                await self._send(self._request, end=True)
            except GRPCError as error:
                await self._let_scope_expire(error)
                raise

    async def recv_message(self) -> Any:
        if not self._recv_initial_metadata_done:
            await self.recv_initial_metadata()
        stream = self._stream
        with self._wrapper:
            await self._pace(waits=not stream.buffer.ready())  # type: ignore[attr-defined]
            try:
                data = await read_message(stream.buffer, self._channel.max_receive_message_length)  # type: ignore[arg-type]
            except StreamTerminatedError as error:
                raise self._failure(error) from error
            if data is not None:
                message = decode(self._codec, data, self._recv_type, self._method_name)
                (message,) = await self._dispatch.recv_message(message)
                self._messages_received += 1
                stream.connection.messages_received += 1
                return message
        self._at_end = True
        if not self._cardinality.server_streaming and not self._messages_received:
            await self.recv_trailing_metadata()
            peer = self._channel.address
            raise GRPCError(Status.INTERNAL, f"{peer} answered {self._method_name} with OK and no message")
        return None

    async def recv_trailing_metadata(self) -> None:
        try:
            await super().recv_trailing_metadata()
        except StreamTerminatedError as error:
            raise self._failure(error) from error
        except GRPCError as error:
            await self._let_scope_expire(error)
            raise

    # -- ending

    async def cancel(self) -> None:
        if self._send_request_done and not self._cancel_done:
            self._stream.reset_nowait()
            self._cancel_done = True

    async def _maybe_finish(self) -> None:
        if self._cancel_done or (self._cardinality.server_streaming and not self._at_end):
            return  # left before the end: that cancels the call, it does not wait for a stream without end
        if not self._recv_initial_metadata_done:
            await self.recv_initial_metadata()
        if not self._recv_trailing_metadata_done:
            await self.recv_trailing_metadata()

    # -- failing

    def _failure(self, error: StreamTerminatedError) -> GRPCError:
        """What the caller is told: the status that the peer sent before the stream broke, if it sent one."""
        try:
            self._maybe_raise()
        except GRPCError as status:
            return status
        return error.as_grpc_error() if isinstance(error, StreamLost) else GRPCError(Status.UNAVAILABLE, str(error))

    def _try_again(self, error: StreamTerminatedError) -> None:
        """Make ready to send the call again if the peer has not seen it; raise GRPCError otherwise."""
        self._attempt += 1
        again = isinstance(error, StreamLost) and error.refused and self._attempt < _ATTEMPTS
        if self._send_request_done:
            again = again and self._request is not None and self._stream.headers is None
            if not again:
                raise self._failure(error) from error
            self._release_stream()
            self._send_request_done = self._send_message_done = self._end_done = False
        elif not again:
            status = error.status if isinstance(error, StreamLost) else Status.UNAVAILABLE
            raise GRPCError(status, str(error)) from error

    async def _let_scope_expire(self, error: GRPCError) -> None:
        """The peer's clock may run out a moment before ours: then the scope's own expiry is what the caller wants."""
        if error.status is Status.DEADLINE_EXCEEDED and self._scope_deadline - trio.current_time() < 0.1:
            await trio.sleep_until(self._scope_deadline)


class Channel(seams.ChannelBase):
    """Calls to one address.  Made by `open_channel`, which owns the tasks behind it."""

    def __init__(
        self,
        address: Address,
        dialer: Dialer,
        *,
        codec: Any,
        config: Configuration,
        metadata: Any = None,
        max_receive_message_length: int | None = None,
        max_send_message_length: int | None = None,
    ) -> None:
        # grpclib's own __init__ asks asyncio for an event loop; these are the attributes that it sets.
        self.address = address
        self.max_receive_message_length = max_receive_message_length
        self.max_send_message_length = max_send_message_length
        self._dialer = dialer
        self._default_metadata = tuple(MultiDict(metadata or ()).items())
        self._host, self._port, self._path = address.host, address.port, address.path
        self._codec = codec
        self._status_details_codec = None
        self._ssl = dialer.tls
        self._scheme = "https" if dialer.tls is not None else "http"
        self._authority = address.authority
        self._config = config
        self._state = seams.ChannelState.IDLE
        self.__dispatch__ = seams.DispatchChannelEvents()

    def __repr__(self) -> str:
        return f"<trio_durable Channel to {self.address}>"

    @property
    def connections_made(self) -> int:
        """How many connections this channel has opened so far."""
        return self._dialer.connections_made

    @property
    def active_calls(self) -> int:
        """How many streams are open now, on all connections."""
        return self._dialer.active_streams()

    async def wait_ready(self) -> None:
        """Wait until a connection stands, however often it must be dialled.

        Bound it with `trio.move_on_after`; each failed attempt is logged.  Raises GRPCError only if the channel is
        closed.
        """
        await self._dialer.connect(wait=True)

    async def __connect__(self) -> Any:
        protocol = self._dialer.current()
        return protocol if protocol is not None else await self._dialer.connect()

    def request(
        self,
        name: str,
        cardinality: Cardinality,
        request_type: type[Any],
        reply_type: type[Any],
        *,
        timeout: float | None = None,
        deadline: Deadline | None = None,
        metadata: Any = None,
    ) -> ClientStream:
        """A call to be entered with `async with`.  `timeout` in seconds; `reply_type=bytes` hands over raw messages."""
        sent = MultiDict(self._default_metadata)
        if metadata:
            sent.extend(metadata)
        return ClientStream(
            self,
            name,
            sent,  # type: ignore[arg-type]
            cardinality,
            request_type,
            reply_type,
            codec=self._codec,
            status_details_codec=None,
            dispatch=self.__dispatch__,
            deadline=CallDeadline.of(deadline, timeout),
        )

    def close(self) -> None:
        """End every call and connection.  `open_channel` does this at its end."""
        self._dialer.close()

    def __del__(self) -> None:
        """grpclib warns here of unclosed channels; ours are closed by the context manager that made them."""


def client_h2_config() -> H2Configuration:
    return H2Configuration(
        client_side=True,
        header_encoding="ascii",
        validate_inbound_headers=False,
        validate_outbound_headers=False,
        normalize_inbound_headers=False,
        normalize_outbound_headers=False,
    )


