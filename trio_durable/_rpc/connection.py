"""One HTTP/2 connection: grpclib's Connection, EventsProcessor and H2Protocol on Trio, over a mended h2.

Everything here is sync and never touches a socket.  Bytes come in through `Protocol.data_received` and go out through
`transport.write`.

What differs from grpclib, and why:

- A graceful GOAWAY lets the streams it covers finish.  grpclib closes everything at once.
- The peer's first SETTINGS are an event to wait for.  grpclib opens streams before it knows how many it may.
- Unknown events are ignored, as RFC 9113 section 5.5 demands; grpclib raises NotImplementedError.
- No answer is longer than the peer can read: frames that we are made to send (answers to PING, SETTINGS, resets) are
  bounded by `Limits`, so that a hostile peer cannot make us hoard memory or burn time.
"""

from __future__ import annotations

import logging
import struct
from collections.abc import Callable
from typing import Any

import trio
from grpclib.config import Configuration
from h2.config import H2Configuration
from h2.errors import ErrorCodes
from h2.events import (
    ConnectionTerminated,
    PingReceived,
    PriorityUpdated,
    RemoteSettingsChanged,
    RequestReceived,
    StreamReset,
)
from h2.events import (
    Event as H2Event,
)
from h2.exceptions import ProtocolError
from h2.settings import SettingCodes, Settings

from . import seams
from .failures import StreamLost, reset_failure
from .limits import Limits
from .parking import Event, Slots
from .stream import Stream

__all__ = ["Connection", "EventsProcessor", "Protocol"]

log = logging.getLogger("trio_durable.rpc")



class Connection(seams.ConnectionBase):
    """The state that all streams of a connection share."""

    _connection: seams.H2
    write_ready: Event  # type: ignore[assignment]

    def __init__(self, h2c: seams.H2, transport: Any, *, config: Configuration, client_side: bool, peer: str) -> None:
        self._connection = h2c
        self._transport = transport
        self._config = config
        self.client_side = client_side
        self.peer_name = peer
        self.reset_code = ErrorCodes.CANCEL if client_side else ErrorCodes.NO_ERROR
        self.active: dict[int, Any] = {}  # the processor's streams
        self.write_ready = Event()
        self.write_ready.set()
        self.stream_close_waiter = Event()  # type: ignore[assignment]  # grpclib sets it on release; we use slots
        self.settings_received = Event()
        self.ping_acked = Event()
        self.slots = Slots(self._free_slots)
        self.draining = False
        self.last_heard = trio.current_time()

    def create_stream(self, *, stream_id: int | None = None, wrapper: Any = None) -> Stream:
        return Stream(self, self._connection, self._transport, stream_id=stream_id, wrapper=wrapper)

    def _free_slots(self) -> int:
        return self._connection.remote_settings.max_concurrent_streams - len(self.active)

    def initialize(self) -> None:
        """Nothing: keepalive is a task of the transport's (keepalive.py), not a chain of loop callbacks."""

    def flush(self, *, wake: bool = True) -> None:
        transport = self.__dict__.get("_transport")
        if transport is not None:
            data = self._connection.data_to_send()
            if data:
                transport.write(data, wake=wake)

    def ack(self, stream_id: int, size: int) -> None:
        if size and "_transport" in self.__dict__:
            try:
                self._connection.acknowledge_received_data(size, stream_id)
            except ProtocolError:
                return  # the stream, or the connection, is closed: nobody waits for the window
            self.flush()

    def headers_send_process(self) -> None:
        """grpclib counts pings here; keepalive.py does not need it."""

    def data_send_process(self) -> None:
        """grpclib counts pings here; keepalive.py does not need it."""

    def ping(self) -> None:
        self.ping_acked.clear()
        try:
            self._connection.ping(struct.pack("!Q", int(trio.current_time() * 1e6) & 0xFFFFFFFFFFFFFFFF))
        except ProtocolError:
            return  # the connection is closed already
        self.flush()

    def ping_ack_process(self) -> None:
        self.ping_acked.set()

    def go_away(self, code: ErrorCodes = ErrorCodes.NO_ERROR, text: bytes = b"") -> None:
        """Send GOAWAY and stay able to finish the streams in flight."""
        if "_transport" in self.__dict__:
            self._connection.say_goodbye(code, text)
            self.flush()


class EventsProcessor(seams.EventsProcessorBase):
    """h2's events, each to its stream."""

    connection: Connection
    handler: Any

    def __init__(self, handler: Any, connection: Connection, limits: Limits | None) -> None:
        super().__init__(handler, connection)
        connection.active = self.streams
        self._limits = limits
        self.closed = False

    def process(self, event: H2Event) -> None:
        if self.closed:
            return
        process = self.processors.get(event.__class__)
        if process is not None:  # what we do not know we must ignore (RFC 9113 section 5.5)
            process(event)  # type: ignore[operator]

    def register(self, stream: Any) -> Callable[[], None]:
        release_base = super().register(stream)

        def release() -> None:
            if self.streams.get(stream.id) is not stream:
                return
            release_base()
            self.connection.slots.wake()
            if not self.streams and self.connection.draining:
                self.close("the connection was drained after GOAWAY")

        return release

    def retire(self, why: str) -> None:
        """No new streams on this connection; those in flight go on, and the last one closes it."""
        connection = self.connection
        if connection.draining:
            return
        connection.draining = True
        self.handler.close()  # the channel opens another connection for the next call
        connection.slots.fail(StreamLost(f"the connection is being retired: {why}", refused=True))
        if not self.streams:
            self.close(f"the connection was retired: {why}")

    def close(self, reason: str = "the connection was closed") -> None:
        if self.closed:
            return
        self.closed = True
        peer = self.connection.peer_name
        lost = StreamLost(reason if peer in reason else f"{reason} ({peer})")
        connection = self.connection
        connection.close()
        self.handler.close()
        for stream in list(self.streams.values()):
            stream.__terminated__(lost)  # type: ignore[arg-type]
        never_sent = StreamLost(lost.message, refused=True)
        connection.write_ready.clear()
        connection.write_ready.fail(lost)
        connection.slots.fail(never_sent)
        connection.settings_received.fail(lost)
        self.processors.clear()

    def abuse(self, what: str) -> None:
        """The peer overdoes it: say so and hang up."""
        log.warning("closing the connection of %s: %s", self.connection.peer_name, what)
        self.connection.go_away(ErrorCodes.ENHANCE_YOUR_CALM, what.encode())
        self.close(what)

    # -- events

    def process_request_received(self, event: RequestReceived) -> None:
        if self._limits is not None and (self.connection.draining or not self._limits.admit(self.handler.load())):
            self._refuse(event.stream_id)
            return
        super().process_request_received(event)

    def _refuse(self, stream_id: int) -> None:
        try:
            self.connection._connection.reset_stream(stream_id, error_code=ErrorCodes.REFUSED_STREAM)
        except ProtocolError:
            return
        self._charge("too many refused streams")

    def _charge(self, what: str) -> None:
        if self._limits is not None and not self._limits.charge():
            self.abuse(what)

    def process_remote_settings_changed(self, event: RemoteSettingsChanged) -> None:
        super().process_remote_settings_changed(event)
        self.connection.settings_received.set()
        self.connection.slots.wake()
        self._charge("too many SETTINGS")

    def process_ping_received(self, event: PingReceived) -> None:
        self._charge("too many PINGs")

    def process_priority_updated(self, event: PriorityUpdated) -> None:
        self._charge("too many PRIORITY frames")

    def process_stream_reset(self, event: StreamReset) -> None:
        stream = self.streams.get(event.stream_id)
        connection = self.connection
        connection.streams_failed += 1
        if event.remote_reset:
            self._charge("too many reset streams")
        if stream is None:
            return
        if event.remote_reset:
            lost = reset_failure(event.error_code, connection.peer_name)
        else:
            lost = StreamLost(f"{connection.peer_name} broke the rules of HTTP/2 on this stream")
        stream.__terminated__(lost)  # type: ignore[arg-type]

    def process_connection_terminated(self, event: ConnectionTerminated) -> None:
        """GOAWAY.  Streams above its last id were not seen by the peer; a graceful one lets the others finish."""
        peer = self.connection.peer_name
        last = event.last_stream_id if event.last_stream_id is not None else 0
        text = event.additional_data.decode("ascii", "replace") if event.additional_data else ""
        try:
            name = ErrorCodes(event.error_code).name  # type: ignore[arg-type]
        except ValueError:
            name = str(event.error_code)
        if self.connection.client_side:
            for stream_id in [key for key in self.streams if key > last]:
                self.streams[stream_id].__terminated__(
                    StreamLost(f"{peer} is going away and has not seen the call", refused=True)  # type: ignore[arg-type]
                )
        if event.error_code == ErrorCodes.NO_ERROR:
            self.retire(f"{peer} is going away{f': {text}' if text else ''}")
            return
        why = f"{peer} closed the connection: GOAWAY {name}{f' {text}' if text else ''}"
        if "too_many_pings" in text:
            why += "; its limit on keepalive pings is stricter than ours: raise Keepalive(time=...)"
            log.warning("%s", why)
            self.handler.too_many_pings()
        self.close(why)


class Protocol(seams.H2ProtocolBase):
    """Bytes in, events out.  One per connection."""

    connection: Connection
    processor: EventsProcessor

    def __init__(
        self,
        handler: Any,
        config: Configuration,
        h2_config: H2Configuration,
        *,
        peer: str,
        limits: Limits | None = None,
    ) -> None:
        super().__init__(handler, config, h2_config)
        self.peer_name = peer
        self.limits = limits

    def connection_made(self, transport: Any) -> None:
        client_side = self.h2_config.client_side
        h2c = seams.H2(config=self.h2_config)
        # Set before the first SETTINGS frame, so that it carries them: one frame, no second round.
        initial = {
            SettingCodes.INITIAL_WINDOW_SIZE: self.config.http2_stream_window_size,
            SettingCodes.MAX_HEADER_LIST_SIZE: h2c.DEFAULT_MAX_HEADER_LIST_SIZE,
        }
        if client_side:
            initial[SettingCodes.ENABLE_PUSH] = 0
        if self.limits is not None:
            initial[SettingCodes.MAX_CONCURRENT_STREAMS] = self.limits.max_concurrent_streams
        h2c.local_settings = Settings(client=client_side, initial_values=initial)
        h2c.initiate_connection()
        extra = self.config.http2_connection_window_size - 65535
        if extra > 0:
            h2c.increment_flow_control_window(extra)
        self.connection = Connection(h2c, transport, config=self.config, client_side=client_side, peer=self.peer_name)
        self.connection.flush()
        self.processor = EventsProcessor(self.handler, self.connection, self.limits)

    def data_received(self, data: bytes) -> None:
        connection, processor = self.connection, self.processor
        connection.last_heard = trio.current_time()
        try:
            events = connection.feed(data)
            connection.flush()  # acknowledgements of SETTINGS and PING come first
            for event in events:
                processor.process(event)
        except ProtocolError as error:
            connection.flush()  # h2 has prepared the GOAWAY
            processor.close(f"the peer broke the rules of HTTP/2: {str(error) or type(error).__name__}")
        except Exception as error:  # hpack, hyperframe and text decoding have errors of their own for bad input
            log.debug("unexpected error in HTTP/2 input of %s", self.peer_name, exc_info=True)
            connection.go_away(ErrorCodes.PROTOCOL_ERROR)
            processor.close(f"the peer sent something that is not HTTP/2: {type(error).__name__}: {error}")
        else:
            connection.flush()

    def connection_lost(self, exc: BaseException | None) -> None:
        detail = f": {exc}" if exc is not None else ""
        self.processor.close(f"the connection was lost{detail}")
