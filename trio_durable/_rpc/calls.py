"""One call on the server: from the request's headers to the trailers.

Rules:

1. A request that is none of gRPC's is refused before any handler runs, as the gRPC specification of HTTP statuses says.
2. `GRPCError` from a handler is the call's status and message.  Any other exception is UNKNOWN with its type and text,
   and a log line with its traceback.  What the client sent wrong (no message, half a message) is INTERNAL.
3. A handler that was ended from outside says so in the status: DEADLINE_EXCEEDED when `grpc-timeout` ran out, the given
   reason when the server shuts down, nothing when the peer reset the stream and listens no more.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any

import trio
from grpclib.const import Status
from grpclib.exceptions import GRPCError, ProtocolError, StreamTerminatedError
from grpclib.metadata import decode_metadata, decode_timeout

from . import seams
from .channel import CallDeadline
from .framing import Pace, decode, encode, frame_message, read_message
from .stream import Stream

__all__ = ["Call", "Calls", "ServerStream", "current_call", "current_call_context"]

log = logging.getLogger("trio_durable.rpc")

_current_call: ContextVar[Any] = ContextVar("trio_durable_rpc_call")


def current_call() -> Any:
    """The call that the running handler serves: `.metadata`, `.deadline`, `.peer`.  Raises LookupError outside one."""
    return _current_call.get()


@contextmanager
def current_call_context(call: Any) -> Iterator[None]:
    """Make `call` the current one; for handlers that run in their caller's task."""
    token = _current_call.set(call)
    try:
        yield
    finally:
        _current_call.reset(token)


class ServerStream(seams.ServerStreamBase[Any, Any]):
    """One call, seen from its handler."""

    limit: int | None = None
    pace: Pace

    async def recv_message(self) -> Any:
        buffer = self._stream.buffer
        await self.pace(waits=not buffer.ready())  # type: ignore[attr-defined]
        data = await read_message(buffer, self.limit)  # type: ignore[arg-type]
        if data is None:
            if not self._messages_received and not self._cardinality.client_streaming:
                raise GRPCError(Status.INTERNAL, f"{self._method_name} needs one request message, and none came")
            return None
        message = decode(self._codec, data, self._recv_type, self._method_name)
        (message,) = await self._dispatch.recv_message(message)
        self._messages_received += 1
        self._stream.connection.messages_received += 1
        return message

    async def send_message(self, message: Any) -> None:
        await self.pace(waits=False)
        (message,) = await self._dispatch.send_message(message)
        data = frame_message(encode(self._codec, message, self._send_type))
        if not self._send_initial_metadata_done:
            await self.send_initial_metadata()
        if self._send_message_done and not self._cardinality.server_streaming:
            raise ProtocolError(f"{self._method_name} answers with one message, and it was sent already")
        await self._stream.send_data(data)
        self._send_message_done = True
        self._messages_sent += 1
        self._stream.connection.messages_sent += 1


class Call:
    """One running handler, and the means to end it."""

    __slots__ = ("reason", "scope", "streaming")

    def __init__(self) -> None:
        self.scope = trio.CancelScope()
        self.streaming = False
        self.reason: GRPCError | None = None

    def end(self, reason: GRPCError | None) -> None:
        if self.reason is None:
            self.reason = reason
        self.scope.cancel()


class Calls:
    """The methods that a server offers, and how a call of one is answered."""

    def __init__(self, methods: Mapping[str, Any], *, codec: Any, dispatch: Any, limit: int | None) -> None:
        self._methods = methods
        self._codec = codec
        self._dispatch = dispatch
        self._limit = limit

    async def answer(self, call: Call, stream: Stream, headers: Any) -> None:
        """Serve one call to its end, whatever that is, and send its status."""
        fields = dict(headers)
        method, refusal = self._look_up(fields)
        if refusal is not None:
            await _refuse(stream, *refusal)
            return
        assert method is not None
        path = fields[":path"]
        deadline = None
        if "grpc-timeout" in fields:
            try:
                deadline = CallDeadline.at(trio.current_time() + decode_timeout(fields["grpc-timeout"]))
            except ValueError:
                await _refuse(stream, "200", Status.INTERNAL, f"invalid grpc-timeout {fields['grpc-timeout']!r}")
                return
        try:
            metadata = decode_metadata(headers)
        except ValueError as error:
            await _refuse(stream, "200", Status.INTERNAL, f"metadata that is not valid base64: {error}")
            return
        call.streaming = method.cardinality.server_streaming
        served = ServerStream(
            stream,
            path,
            method.cardinality,
            method.request_type,
            method.reply_type,
            codec=self._codec,
            status_details_codec=None,
            dispatch=self._dispatch,
            deadline=deadline,
            user_agent=fields.get("user-agent"),
        )
        served.limit = self._limit
        served.pace = Pace()
        failure: GRPCError | None = None
        if deadline is not None:
            call.scope.deadline = deadline.when
        with call.scope:
            try:
                served.metadata, func = await self._dispatch.recv_request(
                    metadata,
                    method.func,
                    method_name=path,
                    deadline=deadline,
                    content_type=fields.get("content-type", ""),
                    user_agent=served.user_agent,
                    peer=served.peer,
                )
                _current_call.set(served)
                await func(served)
            except GRPCError as raised:
                failure = raised
            except StreamTerminatedError as lost:
                failure = GRPCError(Status.INTERNAL, str(lost))  # heard only if the stream still stands: a bad request
            except Exception as raised:
                log.exception("the handler of %s raised", path)
                failure = GRPCError(Status.UNKNOWN, f"the handler of {path} raised {type(raised).__name__}: {raised}")
        if stream.error is not None:
            return
        if call.scope.cancelled_caught:
            failure = call.reason or GRPCError(Status.DEADLINE_EXCEEDED, f"{path} took longer than the caller allowed")
        with trio.move_on_after(5, shield=call.reason is not None):
            await _finish(served, failure)

    def _look_up(self, fields: dict[str, str]) -> tuple[Any, tuple[str, Status | None, str] | None]:
        """The method for a request's headers, or why there is none: (HTTP status, gRPC status, message)."""
        if fields.get(":method") != "POST":
            return None, ("405", None, "")
        content_type = fields.get("content-type", "")
        base, _, subtype = content_type.partition(";")[0].partition("+")
        if base != "application/grpc" or (subtype or "proto") != self._codec.__content_subtype__:
            text = f"unacceptable content-type {content_type!r}, expected application/grpc+proto"
            return None, ("415", Status.UNKNOWN, text)
        if fields.get("te") != "trailers":
            return None, ("400", Status.UNKNOWN, 'the header "te: trailers" is missing; a proxy may have stripped it')
        method = self._methods.get(fields.get(":path", ""))
        if method is None:
            return None, ("200", Status.UNIMPLEMENTED, f"there is no method {fields.get(':path')!r} here")
        return method, None


async def _refuse(stream: Stream, http: str, status: Status | None, message: str) -> None:
    """Trailers only: a status without a handler."""
    headers = [(":status", http), ("content-type", "application/grpc+proto")]
    if status is not None:
        headers += [("grpc-status", str(status.value)), ("grpc-message", seams.encode_grpc_message(message))]
    await stream.send_headers(headers, end_stream=True)
    if stream.closable:
        stream.reset_nowait()


async def _finish(served: ServerStream, error: GRPCError | None) -> None:
    """Send the trailers, unless the handler sent them or gave the stream up."""
    if served._send_trailing_metadata_done or served._cancel_done:
        return
    if error is None and not served._cardinality.server_streaming and not served._send_message_done:
        log.error("the handler of %s returned without an answer", served._method_name)
        error = GRPCError(Status.UNKNOWN, f"the handler of {served._method_name} returned without an answer")
    if error is None:
        await served.send_trailing_metadata(status=Status.OK)
    else:
        await served.send_trailing_metadata(status=error.status, status_message=error.message)
