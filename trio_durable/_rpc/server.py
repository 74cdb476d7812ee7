"""The server: listeners, connections, shutting down.  (What happens within a call: calls.py.)

Rules:

1. No peer can end the server: what goes wrong on a connection ends that connection, what goes wrong in a handler ends
   that call, as a status and a log line.
2. A handler runs as a task of its connection.  Its cancel scope ends when the peer resets the stream, when the
   connection is lost, when the call's `grpc-timeout` has run out or when the server shuts down.
3. Shutting down (cancelling `serve`) closes the listeners, sends GOAWAY, ends streams with UNAVAILABLE, as they may
   have no end of their own, lets unary calls finish within `grace` seconds, and ends the rest with UNAVAILABLE.
"""

from __future__ import annotations

import logging
import os
import socket
import ssl as ssl_module
import stat
from collections.abc import Callable, Collection
from contextlib import suppress
from functools import partial
from typing import Any

import trio
from grpclib.config import Configuration
from grpclib.const import Status
from grpclib.exceptions import GRPCError, StreamTerminatedError
from h2.config import H2Configuration
from trio_durable_proto import codec as proto_codec

from . import seams
from .calls import Call, Calls
from .connection import Protocol
from .keepalive import Keepalive, watch
from .limits import Limits
from .services import method_table
from .stream import Stream
from .tls import prepare
from .transport import Transport

__all__ = ["Server", "serve"]

log = logging.getLogger("trio_durable.rpc")

DEFAULT_KEEPALIVE = Keepalive(time=60.0, timeout=20.0)
WINDOWS = Configuration(http2_connection_window_size=16 * 2**20, http2_stream_window_size=4 * 2**20)
_SHUTTING_DOWN = "the server is shutting down"

class ConnectionHandler(seams.ServerHandlerBase):
    """The calls of one connection."""

    def __init__(self, server: Server, nursery: trio.Nursery) -> None:
        self.server = server
        self.calls: set[Call] = set()
        self.closing = False
        self.protocol: Protocol | None = None
        self._nursery = nursery

    def load(self) -> int:
        return len(self.calls)

    def accept(self, stream: Any, headers: Any, release_stream: Callable[[], Any]) -> None:
        call = Call()
        self.calls.add(call)
        stream.on_terminated = partial(call.end, None)
        self._nursery.start_soon(self._run, call, stream, headers, release_stream)

    async def _run(self, call: Call, stream: Stream, headers: Any, release_stream: Callable[[], Any]) -> None:
        try:
            if stream.error is None:
                await self.server._calls.answer(call, stream, headers)
        except (StreamTerminatedError, trio.ClosedResourceError):
            pass  # the peer is gone: nobody to tell
        except Exception:
            log.exception("a call from %s failed in the server itself", stream.connection.peer_name)
        finally:
            self.calls.discard(call)
            release_stream()
            self.server._something_ended.set()

    def cancel(self, stream: Any) -> None:
        """Resets reach a call through `stream.on_terminated`."""

    def close(self) -> None:
        self.closing = True

    def too_many_pings(self) -> None:
        log.warning("a client says that we ping too often; raise serve(keepalive=Keepalive(time=...))")

    def drain(self) -> None:
        """The server shuts down: no new calls, and no waiting for streams, which may never end by themselves."""
        if self.protocol is not None:
            self.protocol.connection.go_away(text=b"shutting down")
            self.protocol.processor.retire(_SHUTTING_DOWN)
        for call in list(self.calls):
            if call.streaming:
                call.end(GRPCError(Status.UNAVAILABLE, _SHUTTING_DOWN))


class Server(seams.ServerBase):
    """Handlers behind listeners.  `serve` is the short way to one."""

    def __init__(
        self,
        handlers: Collection[Any],
        *,
        codec: Any = None,
        ssl: ssl_module.SSLContext | None = None,
        keepalive: Keepalive | None = DEFAULT_KEEPALIVE,
        max_concurrent_streams: int = 4096,
        max_receive_message_length: int | None = 256 * 2**20,
        handshake_timeout: float = 10.0,
        grace: float = 5.0,
    ) -> None:
        # grpclib's own __init__ asks asyncio for an event loop.
        self._mapping = method_table(handlers)
        self._codec = codec if codec is not None else proto_codec.GrpcCodec()
        self._status_details_codec = None
        self._config = WINDOWS.__for_server__()
        self._h2_config = H2Configuration(
            client_side=False,
            header_encoding="ascii",
            validate_inbound_headers=False,
            validate_outbound_headers=False,
            normalize_inbound_headers=False,
            normalize_outbound_headers=False,
        )
        self.__dispatch__ = seams.DispatchServerEvents()
        self._calls = Calls(
            self._mapping, codec=self._codec, dispatch=self.__dispatch__, limit=max_receive_message_length
        )
        self._ssl = prepare(ssl) if ssl is not None else None
        self._keepalive = keepalive
        self._max_concurrent_streams = max_concurrent_streams
        self._handshake_timeout = handshake_timeout
        self._grace = grace
        self._connections: set[ConnectionHandler] = set()
        self._stopping = trio.Event()
        self._something_ended = trio.Event()

    @property
    def active_calls(self) -> int:
        return sum(len(connection.calls) for connection in self._connections)

    async def run(
        self, listeners: list[trio.SocketListener], *, task_status: trio.TaskStatus[None] = trio.TASK_STATUS_IGNORED
    ) -> None:
        """Serve until cancelled.  Closes the listeners."""
        async with trio.open_nursery() as nursery:
            connections = await nursery.start(self._hold_connections)
            try:
                task_status.started()
                await trio.serve_listeners(self._accepted, listeners, handler_nursery=connections)
            finally:
                self._stopping.set()

    async def _hold_connections(self, *, task_status: trio.TaskStatus[trio.Nursery]) -> None:
        """The nursery of all connections.  It outlives a cancelled `run` by the grace period."""
        with trio.CancelScope(shield=True):
            async with trio.open_nursery() as nursery:
                task_status.started(nursery)
                await self._stopping.wait()
                await self._drain()
                nursery.cancel_scope.cancel()

    async def _drain(self) -> None:
        for connection in list(self._connections):
            connection.drain()
        with trio.move_on_after(self._grace):
            await self._wait_until(lambda: not self.active_calls)
        for connection in list(self._connections):
            for call in list(connection.calls):
                call.end(GRPCError(Status.UNAVAILABLE, _SHUTTING_DOWN))
        with trio.move_on_after(1):  # the last answers go out, and clients hang up on our GOAWAY
            await self._wait_until(lambda: not self._connections)

    async def _wait_until(self, condition: Callable[[], bool]) -> None:
        """Wait for a condition on calls and connections; looked at whenever one of them ends."""
        while not condition():
            self._something_ended = trio.Event()
            await self._something_ended.wait()

    # -- one connection

    async def _accepted(self, stream: trio.SocketStream) -> None:
        try:
            peer = _peer_name(stream)
        except OSError:
            await stream.aclose()  # gone before we looked
            return
        await self.serve_socket(socket.socket(fileno=stream.socket.detach()), peer)

    async def serve_socket(self, sock: socket.socket, peer: str = "peer") -> None:
        """Serve one connected socket until it ends; closes it.  Never raises for what the peer does."""
        async with trio.open_nursery() as nursery:
            handler = ConnectionHandler(self, nursery)
            limits = Limits(self._max_concurrent_streams)
            protocol = Protocol(handler, self._config, self._h2_config, peer=peer, limits=limits)
            try:
                transport = Transport(sock, protocol, tls=self._ssl, server_side=True)
                if self._ssl is not None and not await self._shake_hands(transport, peer):
                    sock.close()
                    return
                protocol.connection_made(transport)
            except OSError as error:
                log.debug("%s went away at once: %s", peer, error)
                sock.close()
                return
            except Exception:
                log.exception("the connection of %s could not be served", peer)
                sock.close()
                return
            except BaseException:
                sock.close()
                raise
            handler.protocol = protocol
            self._connections.add(handler)
            background = [partial(self._expect_settings, protocol)]
            if self._keepalive is not None:
                background.append(partial(watch, protocol.connection, self._keepalive, protocol.processor.close))
            try:
                if self._stopping.is_set():
                    handler.drain()
                await transport.run(*background)
            finally:
                self._connections.discard(handler)
                self._something_ended.set()
                nursery.cancel_scope.cancel()

    async def _shake_hands(self, transport: Transport, peer: str) -> bool:
        try:
            with trio.fail_after(self._handshake_timeout):
                await transport.handshake()
        except (OSError, ValueError, trio.TooSlowError) as error:
            log.info("TLS handshake with %s failed: %s", peer, str(error) or type(error).__name__)
            return False
        return True

    async def _expect_settings(self, protocol: Protocol) -> None:
        """A connection that never says a word of HTTP/2 is closed, so that it cannot hold a descriptor for ever."""
        with trio.move_on_after(self._handshake_timeout) as scope:
            try:
                await protocol.connection.settings_received.wait()
            except StreamTerminatedError:
                return
        if scope.cancelled_caught:
            protocol.processor.close("the peer did not speak HTTP/2 in time")

def _peer_name(stream: trio.SocketStream) -> str:
    if stream.socket.family == getattr(socket, "AF_UNIX", None):
        return "a UNIX socket peer"
    name = stream.socket.getpeername()
    return f"{name[0]}:{name[1]}" if isinstance(name, tuple) else str(name)


async def _unix_listener(path: str) -> trio.SocketListener:
    """A listening UNIX socket at `path`, readable by its owner only.  A stale socket file is replaced."""
    try:
        if stat.S_ISSOCK(os.stat(path).st_mode):
            probe = socket.socket(socket.AF_UNIX)
            try:
                probe.connect(path)
            except ConnectionRefusedError:
                os.unlink(path)  # nobody listens: left behind by a process that died
            finally:
                probe.close()
    except FileNotFoundError:
        pass
    sock = trio.socket.socket(trio.socket.AF_UNIX, trio.socket.SOCK_STREAM)
    try:
        await sock.bind(path)
        os.chmod(path, 0o600)
        sock.listen(128)
    except BaseException:
        sock.close()
        raise
    return trio.SocketListener(sock)


async def serve(
    handlers: Collection[Any],
    *,
    host: str | None = "127.0.0.1",
    port: int = 0,
    path: str | None = None,
    ssl: ssl_module.SSLContext | None = None,
    keepalive: Keepalive | None = DEFAULT_KEEPALIVE,
    max_concurrent_streams: int = 4096,
    max_receive_message_length: int | None = 256 * 2**20,
    handshake_timeout: float = 10.0,
    grace: float = 5.0,
    codec: Any = None,
    task_status: trio.TaskStatus[int | str] = trio.TASK_STATUS_IGNORED,
) -> None:
    """Serve `handlers` until cancelled; `port = await nursery.start(serve, handlers)`.

    handlers: betterproto `ServiceBase` objects, or anything with grpclib's `__mapping__`.
    host, port: where to listen; port 0 takes a free one, and `task_status` gets the port.  host None: every interface.
    path: a UNIX socket in place of host and port; `task_status` gets the path.
    ssl: a server context (`server_tls` makes one); None is plain text.
    max_concurrent_streams: calls at once per connection; more are queued by good clients and refused to others.
    max_receive_message_length: bytes; longer requests are answered RESOURCE_EXHAUSTED before they are buffered.
    handshake_timeout: seconds for TLS, and again for the first SETTINGS.
    grace: seconds that unary calls have to finish when `serve` is cancelled.

    Raises OSError if the address cannot be bound.
    """
    server = Server(
        handlers,
        codec=codec,
        ssl=ssl,
        keepalive=keepalive,
        max_concurrent_streams=max_concurrent_streams,
        max_receive_message_length=max_receive_message_length,
        handshake_timeout=handshake_timeout,
        grace=grace,
    )
    bound: int | str
    if path is not None:
        listeners = [await _unix_listener(path)]
        bound = path
    else:
        listeners = await trio.open_tcp_listeners(port, host=host)
        bound = listeners[0].socket.getsockname()[1]
    try:
        async with trio.open_nursery() as nursery:
            await nursery.start(partial(server.run, listeners))
            task_status.started(bound)
    finally:
        for listener in listeners:
            listener.socket.close()
        if path is not None:
            with suppress(FileNotFoundError):
                os.unlink(path)
