"""A channel without a wire: the same stubs, the same handlers, message objects handed over within one Trio run.

Rules:

1. A message belongs to its receiver once it is sent.  No copy is made: whoever sends a message does not change it
   afterwards, and whoever wants to change one that others may hold (a handler that yields a stored message) sends a
   copy.  A reply is the caller's own to change only if its handler made it for that call.
2. Raw bytes meet typed messages through the codec: a handler may yield `bytes` to a caller who asked for messages, and
   the other way round.  Like meets like untouched; only a request that has no bytes, such as one with a lone
   surrogate in its text, is refused where it is sent (EncodeError), as it would be on the wire, and no handler sees it.
   (The codec's `check` finds out; long texts are not copied for that.)
3. A unary handler runs in the caller's task, so it ends when the caller's scope does.  A streaming handler runs in a
   task of its own, as on a server: its generator may hold nurseries and cancel scopes, and is closed in that task.  It
   is at most `_AHEAD` messages ahead of its reader.
4. Failures are as on the wire: `GRPCError` passes as it is, anything else becomes UNKNOWN with a log line, `timeout=`
   ends in DEADLINE_EXCEEDED, a cancelled scope cancels the handler.
"""

from __future__ import annotations

import logging
import math
from collections.abc import Collection
from contextvars import copy_context
from types import TracebackType
from typing import Any

import trio
from grpclib.const import Cardinality, Status
from grpclib.exceptions import GRPCError, ProtocolError
from grpclib.metadata import Deadline
from multidict import MultiDict
from trio_durable_proto import codec as proto_codec

from .calls import current_call_context
from .channel import CallDeadline
from .failures import copy_error
from .framing import check, decode, encode
from .services import method_table

__all__ = ["MemoryChannel", "MemoryStream"]

log = logging.getLogger("trio_durable.rpc")

_AHEAD = 64
_EXPIRED = "the call's timeout expired before the peer answered"


class MemoryChannel:
    """`request()` as on `Channel`, served by `handlers` in the same Trio run.  Needs no nursery of its own."""

    def __init__(self, handlers: Collection[Any], *, codec: Any = None, metadata: Any = None) -> None:
        self._methods = method_table(handlers)
        self._codec = codec if codec is not None else proto_codec.GrpcCodec()
        self._metadata = tuple(MultiDict(metadata or ()).items())
        self._scopes: set[trio.CancelScope] = set()
        self._closed = False

    def __repr__(self) -> str:
        return f"<trio_durable MemoryChannel, {len(self._methods)} methods>"

    @property
    def active_calls(self) -> int:
        """How many handlers are running for calls of this channel."""
        return len(self._scopes)

    async def wait_ready(self) -> None:
        """A channel without a wire is always ready."""
        await trio.lowlevel.checkpoint()

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
    ) -> MemoryStream:
        """A call to be entered with `async with`; see `Channel.request`."""
        sent = MultiDict(self._metadata)
        if metadata:
            sent.extend(metadata)
        return MemoryStream(self, name, cardinality, reply_type, sent, CallDeadline.of(deadline, timeout))

    def close(self) -> None:
        """End the calls in flight; later ones fail with CANCELLED."""
        self._closed = True
        for scope in list(self._scopes):
            scope.cancel()

    async def __aenter__(self) -> MemoryChannel:
        return self

    async def __aexit__(self, *_: object) -> None:
        self.close()


class _HandlerSide:
    """What a handler sees of a call: the part of grpclib's `server.Stream` that service bases use."""

    def __init__(self, call: MemoryStream, method: Any) -> None:
        self._call = call
        self._method = method
        self.metadata = call.metadata
        self.deadline = call.deadline
        self.user_agent = None
        self.peer = None
        self.initial_metadata: Any = None
        self.trailing_metadata: Any = None

    async def recv_message(self) -> Any:
        await trio.lowlevel.checkpoint()
        call = self._call
        if not call.requests:
            return None
        return call.channel_convert(call.requests.pop(0), self._method.request_type)

    def __aiter__(self) -> _HandlerSide:
        return self

    async def __anext__(self) -> Any:
        message = await self.recv_message()
        if message is None:
            raise StopAsyncIteration
        return message

    async def send_initial_metadata(self, *, metadata: Any = None) -> None:
        self.initial_metadata = MultiDict(metadata or ())
        await trio.lowlevel.checkpoint()

    async def send_trailing_metadata(
        self,
        *,
        status: Status = Status.OK,
        status_message: str | None = None,
        status_details: Any = None,
        metadata: Any = None,
    ) -> None:
        self.trailing_metadata = MultiDict(metadata or ())
        await trio.lowlevel.checkpoint()
        if status is not Status.OK:
            raise GRPCError(status, status_message, status_details)

    async def send_message(self, message: Any) -> None:
        await self._call.deliver(message)


class MemoryStream:
    """One call in memory, with the surface of grpclib's `client.Stream`."""

    def __init__(
        self,
        channel: MemoryChannel,
        name: str,
        cardinality: Cardinality,
        reply_type: type[Any],
        metadata: Any,
        deadline: CallDeadline | None,
    ) -> None:
        self._channel = channel
        self._name = name
        self._cardinality = cardinality
        self._reply_type = reply_type
        self.metadata = metadata
        self.deadline = deadline
        self.initial_metadata: Any = None
        self.trailing_metadata: Any = None
        self.peer = None
        self.requests: list[Any] = []
        self._ready = False  # the request is complete
        self._started = False
        self._served: _HandlerSide | None = None
        self._replies: list[Any] = []
        self._sender: trio.MemorySendChannel[Any] | None = None
        self._receiver: trio.MemoryReceiveChannel[Any] | None = None
        self._error: GRPCError | None = None
        self._scope: trio.CancelScope | None = None

    async def __aenter__(self) -> MemoryStream:
        return self

    async def __aexit__(
        self, exc_type: type[BaseException] | None, exc: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            if exc is None and self._ready and not self._cardinality.server_streaming:
                await self._run_unary()
        finally:
            await self.cancel()

    # -- the caller's side

    async def send_request(self, *, end: bool = False) -> None:
        await trio.lowlevel.checkpoint()
        if end:
            self._ready = True

    async def send_message(self, message: Any, *, end: bool = False) -> None:
        if self._ready:
            raise ProtocolError(f"the request of {self._name} was ended already")
        await trio.lowlevel.checkpoint_if_cancelled()
        check(self._channel._codec, message)
        self.requests.append(message)
        if end or not self._cardinality.client_streaming:
            self._ready = True

    async def end(self) -> None:
        await trio.lowlevel.checkpoint()
        self._ready = True

    async def recv_initial_metadata(self) -> None:
        await trio.lowlevel.checkpoint()
        self.initial_metadata = MultiDict()

    async def recv_trailing_metadata(self) -> None:
        await trio.lowlevel.checkpoint()

    async def recv_message(self) -> Any:
        if self._cardinality.server_streaming:
            return await self._next_reply()
        await self._run_unary()
        return self._replies.pop(0) if self._replies else None

    def __aiter__(self) -> MemoryStream:
        return self

    async def __anext__(self) -> Any:
        message = await self.recv_message()
        if message is None:
            raise StopAsyncIteration
        return message

    async def cancel(self) -> None:
        """Cancel the handler, if it still runs."""
        if self._scope is not None:
            self._scope.cancel()
        if self._receiver is not None:
            self._receiver.close()

    # -- the handler's side

    async def deliver(self, message: Any) -> None:
        """A reply from the handler, turned into what the caller asked for."""
        message = self.channel_convert(message, self._reply_type)
        if self._sender is None:
            self._replies.append(message)
            await trio.lowlevel.checkpoint_if_cancelled()
        else:
            await self._sender.send(message)

    def channel_convert(self, message: Any, wanted: Any) -> Any:
        """Rule 2: raw bytes to messages and back, where the two sides differ."""
        raw = isinstance(message, (bytes, bytearray, memoryview))
        if raw and wanted is not bytes:
            return decode(self._channel._codec, bytes(message), wanted, self._name)
        if not raw and wanted is bytes:
            return encode(self._channel._codec, message, type(message))
        return message

    async def _run_unary(self) -> None:
        """Run the handler, once, in the caller's task."""
        if self._started:
            await trio.lowlevel.checkpoint_if_cancelled()
            return
        await trio.lowlevel.checkpoint()
        self._check_ready()
        with trio.CancelScope(deadline=math.inf if self.deadline is None else self.deadline.when) as scope:
            self._scope = scope
            self._channel._scopes.add(scope)
            try:
                await self._handle()
            finally:
                self._channel._scopes.discard(scope)
        if scope.cancelled_caught:
            raise self._ended()
        if self._error is not None:
            raise self._error
        if not self._replies:
            raise GRPCError(Status.UNKNOWN, f"the handler of {self._name} returned without an answer")

    async def _next_reply(self) -> Any:
        if not self._started:
            self._check_ready()
            self._sender, self._receiver = trio.open_memory_channel[Any](_AHEAD)
            self._scope = trio.CancelScope(deadline=math.inf if self.deadline is None else self.deadline.when)
            self._channel._scopes.add(self._scope)
            trio.lowlevel.spawn_system_task(self._run_streaming, name=f"{self._name} in memory", context=copy_context())
        assert self._receiver is not None
        try:
            return await self._receiver.receive()
        except (trio.EndOfChannel, trio.ClosedResourceError):
            if self._error is not None:
                raise copy_error(self._error) from self._error.__cause__
            return None

    async def _run_streaming(self) -> None:
        scope, sender = self._scope, self._sender
        assert scope is not None
        assert sender is not None
        try:
            with scope:
                await self._handle()
            if scope.cancelled_caught:
                self._error = self._ended()
        finally:
            self._channel._scopes.discard(scope)
            sender.close()

    def _check_ready(self) -> None:
        self._started = True
        if not self._ready:
            raise ProtocolError(f"the request of {self._name} was not sent yet")

    async def _handle(self) -> None:
        """Call the handler; what it raises ends up in `_error`."""
        try:
            if self._channel._closed:
                raise GRPCError(Status.CANCELLED, "the in-memory channel is closed")
            method = self._channel._methods.get(self._name)
            if method is None:
                raise GRPCError(Status.UNIMPLEMENTED, f"there is no method {self._name!r} here")
            served = self._served = _HandlerSide(self, method)
            with current_call_context(served):
                await method.func(served)
        except GRPCError as error:
            self._error = error
        except trio.BrokenResourceError:
            self._error = GRPCError(Status.CANCELLED, "the caller left")
        except Exception as error:
            log.exception("the handler of %s raised", self._name)
            text = f"the handler of {self._name} raised {type(error).__name__}: {error}"
            self._error = GRPCError(Status.UNKNOWN, text)
            self._error.__cause__ = error
        finally:
            if self._served is not None:
                self.initial_metadata = self._served.initial_metadata or MultiDict()
                self.trailing_metadata = self._served.trailing_metadata or MultiDict()

    def _ended(self) -> GRPCError:
        """The handler's scope ended it: the timeout, or the channel was closed."""
        if self.deadline is not None and trio.current_time() >= self.deadline.when:
            return GRPCError(Status.DEADLINE_EXCEEDED, _EXPIRED)
        return GRPCError(Status.CANCELLED, "the call was cancelled")
