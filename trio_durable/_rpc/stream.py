"""One HTTP/2 stream: grpclib's `protocol.Stream` on Trio.

Rules:

1. It waits in three places only: for a slot among the peer's MAX_CONCURRENT_STREAMS, for the writer, and for the peer's
   flow-control window.  (Its reader waits in its buffer.)
2. h2's refusals become `StreamLost`, with the reason that the peer gave if it gave one.
3. A stream that ended without trailers fails; in grpclib its caller waits for ever.
4. Resets are sent at once, whatever else waits to be sent.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any

import trio
from h2.errors import ErrorCodes
from h2.exceptions import NoAvailableStreamIDError, ProtocolError, StreamClosedError

from . import seams
from .failures import StreamLost
from .parking import Buffer, Event

if TYPE_CHECKING:
    from .connection import Connection

__all__ = ["Stream"]

_CHUNK = 64 * 1024  # the largest DATA frame we make, however much the peer allows: streams take turns


class Stream(seams.H2StreamBase):
    """One call's HTTP/2 stream."""

    connection: Connection
    _h2_connection: seams.H2
    _transport: Any
    buffer: Buffer  # type: ignore[assignment]
    on_terminated: Callable[[], None] | None = None
    error: StreamLost | None = None

    def __init__(
        self, connection: Connection, h2_connection: seams.H2, transport: Any, *, stream_id: int | None, wrapper: Any
    ) -> None:
        self.connection = connection
        self._h2_connection = h2_connection
        self._transport = transport
        self.wrapper = wrapper
        self.headers = None
        self.trailers = None
        self.window_updated = Event()  # type: ignore[assignment]
        self.headers_received = Event()  # type: ignore[assignment]
        self.trailers_received = Event()  # type: ignore[assignment]
        if stream_id is not None:
            self.init_stream(stream_id, connection)

    def init_stream(self, stream_id: int, connection: Any) -> None:
        self.id = stream_id
        self.buffer = Buffer(partial(connection.ack, stream_id))
        connection.streams_started += 1
        self.created = connection.last_stream_created = trio.current_time()

    async def send_request(
        self, headers: list[tuple[str, str]], end_stream: bool = False, *, _processor: Any
    ) -> Callable[[], None]:
        """Open the stream when the peer has a slot for it.  Raises `StreamLost(refused=True)` if none will come."""
        connection = self.connection
        await connection.slots.acquire()
        try:
            await connection.write_ready.wait()
            if connection.draining or connection.is_closing():
                raise StreamLost("the connection is going away and takes no new calls", refused=True)
            try:
                stream_id = self._h2_connection.get_next_available_stream_id()
            except NoAvailableStreamIDError:
                _processor.retire("its stream ids are used up")
                raise StreamLost("the connection has no stream ids left", refused=True) from None
            try:
                self._h2_connection.send_headers(stream_id, headers, end_stream=end_stream)
            except ProtocolError as error:
                raise StreamLost(f"the call could not be opened: {error}", refused=True) from error
            self.init_stream(stream_id, connection)
            release: Callable[[], None] = _processor.register(self)
        finally:
            connection.slots.done()
        connection.flush(wake=False)  # the request's data follows, or `start_sending`
        connection.headers_send_process()
        return release

    def start_sending(self) -> None:
        """Let go what `send_request` has left to be sent together with the data."""
        self._transport.wake_writer()

    async def send_headers(self, headers: list[tuple[str, str]], end_stream: bool = False) -> None:
        try:
            await super().send_headers(headers, end_stream)
        except ProtocolError as error:
            raise self._lost(error) from error
        if end_stream and len(self.connection.active) <= 2:
            self._transport.flush_now()  # a server's trailers: the call is over, its answer goes out in one piece

    async def send_data(self, data: bytes, end_stream: bool = False) -> None:
        """Send `data` as the peer's windows and our writer allow."""
        h2c, connection, stream_id = self._h2_connection, self.connection, self.id
        assert stream_id is not None
        size = len(data)
        view = memoryview(data)
        position = 0
        try:
            while True:
                await connection.write_ready.wait()
                if self.error is not None:
                    raise self.error.fresh()
                window = h2c.local_flow_control_window(stream_id)
                if window <= 0 and size:
                    self.start_sending()
                    self.window_updated.clear()
                    await self.window_updated.wait()
                    continue
                end = min(size, position + min(window, h2c.max_outbound_frame_size, _CHUNK)) if size else 0
                last = end == size
                chunk = data if last and not position else view[position:end]
                h2c.send_data(stream_id, chunk, end_stream=end_stream and last)
                # Few calls: latency counts, send now.  Many, or a server whose trailers follow: the writer gathers what
                # a scheduler batch has to say into one system call.
                now = last and connection.client_side and len(connection.active) <= 2
                connection.flush(wake=not now)
                position = end
                if last:
                    if now:
                        self._transport.flush_now()
                    break
        except ProtocolError as error:
            raise self._lost(error) from error
        self.data_sent += size
        connection.data_sent += size
        connection.data_send_process()

    async def end(self) -> None:
        try:
            await super().end()
        except ProtocolError as error:
            raise self._lost(error) from error

    def reset_nowait(self, error_code: ErrorCodes | None = None) -> None:
        """RST_STREAM, now; CANCEL from a client, NO_ERROR from a server unless told otherwise."""
        assert self.id is not None
        code = self.connection.reset_code if error_code is None else error_code
        try:
            self._h2_connection.reset_stream(self.id, error_code=code)
        except ProtocolError:
            return  # closed already: nothing to reset
        self.connection.flush()

    async def reset(self, error_code: ErrorCodes | None = None) -> None:
        self.reset_nowait(error_code)

    def __ended__(self) -> None:
        self.buffer.eof()
        if self.connection.client_side and not self.trailers_received.is_set():
            lost = StreamLost("the response ended without a status: the peer is not a gRPC server, or broke off")
            self.headers_received.fail(lost)  # type: ignore[attr-defined]
            self.trailers_received.fail(lost)  # type: ignore[attr-defined]

    def __terminated__(self, reason: str | StreamLost) -> None:
        error = reason if isinstance(reason, StreamLost) else StreamLost(reason)
        if self.error is None:
            self.error = error
        for event in (self.window_updated, self.headers_received, self.trailers_received):
            event.fail(error)  # type: ignore[attr-defined]
        if self.id is not None:
            self.buffer.fail(error)
        if self.on_terminated is not None:
            self.on_terminated()

    def _lost(self, error: Exception) -> StreamLost:
        """h2 refused to send: the stream is closed, and `self.error` knows why if the peer told us."""
        if self.error is not None:
            return self.error.fresh()
        detail = "" if isinstance(error, StreamClosedError) else f": {error}"  # h2 knows no more than its number
        return StreamLost(f"the stream is closed{detail}")
