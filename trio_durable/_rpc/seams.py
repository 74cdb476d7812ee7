"""Every private seam of grpclib and h2 that this room stands on, in one place.

grpclib offers no way to run on anything but asyncio, and h2 none to survive a graceful GOAWAY.  Both are closed by
subclassing at the points below; no module of theirs is patched.  `tests/rpc/test_seams.py` pins each of these by
signature and by the text of the code that we override or imitate, so that a release that changes one fails there, by
name.
"""

from __future__ import annotations

from typing import Any

from grpclib.client import Channel as ChannelBase
from grpclib.client import Handler as ClientHandlerBase
from grpclib.client import Stream as ClientStreamBase
from grpclib.client import _ChannelState as ChannelState
from grpclib.events import _DispatchChannelEvents as DispatchChannelEvents
from grpclib.events import _DispatchServerEvents as DispatchServerEvents
from grpclib.metadata import encode_grpc_message
from grpclib.protocol import Connection as ConnectionBase
from grpclib.protocol import EventsProcessor as EventsProcessorBase
from grpclib.protocol import H2Protocol as H2ProtocolBase
from grpclib.protocol import Stream as H2StreamBase
from grpclib.server import Handler as ServerHandlerBase
from grpclib.server import Server as ServerBase
from grpclib.server import Stream as ServerStreamBase
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, Event
from h2.exceptions import FrameTooLargeError, StreamClosedError, StreamIDTooLowError
from hyperframe.frame import Frame, GoAwayFrame, RstStreamFrame

from .headers import RememberingDecoder, RememberingEncoder

__all__ = [
    "H2",
    "ChannelBase",
    "ChannelState",
    "ClientHandlerBase",
    "ClientStreamBase",
    "ConnectionBase",
    "DispatchChannelEvents",
    "DispatchServerEvents",
    "EventsProcessorBase",
    "H2ProtocolBase",
    "H2StreamBase",
    "ServerBase",
    "ServerHandlerBase",
    "ServerStreamBase",
    "encode_grpc_message",
]

_SWEEP = 64  # closed streams that may be remembered before h2 sweeps them


class H2(H2Connection):
    """h2's state machine with six repairs.

    1. `_receive_frame`: h2 4.4 formats `repr(frame)`, a hex dump of the body, for every frame it receives, as an
       argument of a logger that does nothing: 20 to 28 % of the CPU of a 100 KiB message.  The body below is h2's own
       logic without that line.
    2. `_receive_goaway_frame`: a GOAWAY neither closes the state machine nor drops what is still to be sent.  In h2 it
       does, and whatever frame follows in the same segment is a protocol error that hides why the peer hung up.
       `say_goodbye` is the same thing in the other direction.
    3. `open_inbound_streams`: a stream above our MAX_CONCURRENT_STREAMS is to be refused by the server (RST_STREAM
       REFUSED_STREAM, safe to retry), where h2 ends the whole connection.
    4. `receive_data`: a frame longer than we allow is refused when its header has come.  h2 gathers all of it first, up
       to 16 MiB.
    5. `_open_streams`: h2 walks over all streams, open and closed, for every new one; with 1,000 calls in flight that
       is a million steps.  Here the walk is put off until it can find something.
    6. `encoder`, `decoder`: header blocks that repeat are worked out once (headers.py).
    """

    _sweep_at = 0

    def __init__(self, config: H2Configuration | None = None) -> None:
        super().__init__(config)
        self.encoder = RememberingEncoder()
        self.decoder = RememberingDecoder(self.DEFAULT_MAX_HEADER_LIST_SIZE)

    def receive_data(self, data: Any) -> list[Event]:
        events = super().receive_data(data)
        waiting = self.incoming_buffer._data
        if len(waiting) >= 3 and int.from_bytes(waiting[:3], "big") > self.max_inbound_frame_size:
            self._terminate_connection(ErrorCodes.FRAME_SIZE_ERROR)
            raise FrameTooLargeError(f"a frame longer than {self.max_inbound_frame_size} bytes was announced")
        return events

    def _receive_frame(self, frame: Frame) -> list[Event]:
        try:
            frames, events = self._frame_dispatch_table[frame.__class__](frame)
        except StreamClosedError as error:
            if not self._stream_is_closed_by_reset(error.stream_id):
                raise
            self._answer_reset(error.stream_id, error.error_code)
            return error._events
        except StreamIDTooLowError as error:
            if self._stream_is_closed_by_reset(error.stream_id):
                self._answer_reset(error.stream_id, ErrorCodes.STREAM_CLOSED)
                return []
            if self._stream_is_closed_by_end(error.stream_id):
                raise StreamClosedError(error.stream_id) from error
            raise
        if frames:
            self._prepare_for_sending(frames)
        return events  # type: ignore[no-any-return]

    def _answer_reset(self, stream_id: int, code: Any) -> None:
        reset = RstStreamFrame(stream_id)
        reset.error_code = code
        self._prepare_for_sending([reset])

    def _receive_goaway_frame(self, frame: GoAwayFrame) -> tuple[list[Frame], list[Event]]:
        event = ConnectionTerminated()
        try:
            event.error_code = ErrorCodes(frame.error_code)
        except ValueError:
            event.error_code = frame.error_code
        event.last_stream_id = frame.last_stream_id
        event.additional_data = frame.additional_data or None
        return [], [event]

    def say_goodbye(self, code: ErrorCodes, text: bytes) -> None:
        """Queue a GOAWAY that covers every stream seen so far, and go on with those."""
        frame = GoAwayFrame(0, last_stream_id=self.highest_inbound_stream_id, error_code=code, additional_data=text)
        self._prepare_for_sending([frame])

    @property
    def open_inbound_streams(self) -> int:
        """Asked before a stream is let in: never as many as would make h2 end the connection (repair 3)."""
        return min(self._open_streams(int(not self.config.client_side)), self.local_settings.max_concurrent_streams - 1)

    def _open_streams(self, remainder: int) -> int:
        """How many streams one side has open, and on occasion a sweep of the closed ones (repair 5).

        While few streams are remembered at all, their number is an upper bound that serves as well as a count.
        """
        remembered = len(self.streams)
        if remembered < self._sweep_at and remembered < self.remote_settings.max_concurrent_streams:
            return 0
        count = super()._open_streams(remainder)
        self._sweep_at = 2 * len(self.streams) + _SWEEP
        return count
