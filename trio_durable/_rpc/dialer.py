"""Making and keeping the connection behind a channel.

Rules:

1. One connection is current.  It stops being current when it is lost or told to go away; the next call dials anew.
2. A dial is a task of the channel's nursery: callers wait for it, and none of them owns it.
3. A connection counts as made when TLS stands and the peer's SETTINGS have come; before that nobody may know how many
   streams the peer allows.
4. The first failure is reported at once.  After it, attempts are 1 s, 1.6 s, 2.56 s ... 15 s apart, +-20 %, (gRPC's
   connection backoff); in between calls fail with the last failure, unless the channel was told to `wait_for_ready`.
"""

from __future__ import annotations

import logging
import random
import socket
import ssl
from collections.abc import Awaitable, Callable
from functools import partial

import trio
from grpclib.config import Configuration
from grpclib.const import Status
from grpclib.exceptions import GRPCError, StreamTerminatedError
from h2.config import H2Configuration

from . import seams
from .address import Address
from .connection import Protocol
from .failures import connect_failure, copy_error, tls_failure
from .keepalive import Keepalive, watch
from .transport import Transport

__all__ = ["Backoff", "Dialer", "open_socket"]

log = logging.getLogger("trio_durable.rpc")


class Backoff:
    """How long to wait after the n-th failure in a row: 1 s x 1.6^n, at most 15 s, +-20 %."""

    def __init__(
        self,
        initial: float = 1.0,
        factor: float = 1.6,
        cap: float = 15.0,
        jitter: float = 0.2,
        rng: random.Random | None = None,
    ) -> None:
        self._initial, self._factor, self._cap, self._jitter = initial, factor, cap, jitter
        self._random = rng if rng is not None else random.Random()
        self.failures = 0

    def reset(self) -> None:
        self.failures = 0

    def next_delay(self) -> float:
        delay = min(self._cap, self._initial * self._factor ** min(self.failures, 64))
        self.failures += 1
        return delay * self._random.uniform(1 - self._jitter, 1 + self._jitter)


async def open_socket(address: Address) -> socket.socket:
    """A connected socket to `address`; all of the host's addresses are tried, as RFC 8305 says.  Raises OSError."""
    stream: trio.SocketStream
    if address.path is not None:
        stream = await trio.open_unix_socket(address.path)
    else:
        stream = await trio.open_tcp_stream(address.host, address.port)
    return socket.socket(fileno=stream.socket.detach())


class _Handler(seams.ClientHandlerBase):
    """What a connection tells its channel."""

    def __init__(self, on_too_many_pings: Callable[[], None]) -> None:
        self.too_many_pings = on_too_many_pings


class Dialer:
    """The connections of one channel.  Its tasks run in `nursery`, which must outlive it."""

    def __init__(
        self,
        address: Address,
        nursery: trio.Nursery,
        *,
        config: Configuration,
        h2_config: H2Configuration,
        tls: ssl.SSLContext | None = None,
        server_hostname: str | None = None,
        keepalive: Keepalive | None = None,
        connect_timeout: float = 20.0,
        wait_for_ready: bool = False,
        backoff: Backoff | None = None,
        open_socket: Callable[[Address], Awaitable[socket.socket]] = open_socket,
    ) -> None:
        self.address = address
        self.tls = tls
        self.connections_made = 0
        self._nursery = nursery
        self._config, self._h2_config = config, h2_config
        self._server_hostname = server_hostname if server_hostname is not None else address.host
        self._keepalive = keepalive
        self._connect_timeout = connect_timeout
        self._wait_for_ready = wait_for_ready
        self._backoff = backoff if backoff is not None else Backoff()
        self._open_socket = open_socket
        self._protocol: Protocol | None = None
        self._alive: dict[Transport, Protocol] = {}
        self._dialling: trio.Event | None = None
        self._failure: GRPCError | None = None
        self._next_attempt = -float("inf")
        self._closed = False

    def current(self) -> Protocol | None:
        """The connection for new calls, if one stands."""
        protocol = self._protocol
        if protocol is not None and not protocol.handler.connection_lost:  # type: ignore[attr-defined]
            return protocol
        return None

    def active_streams(self) -> int:
        return sum(len(protocol.processor.streams) for protocol in self._alive.values())

    async def connect(self, *, wait: bool | None = None) -> Protocol:
        """The current connection, dialled if need be.  Raises GRPCError(UNAVAILABLE), unless it is to `wait`."""
        wait = self._wait_for_ready if wait is None else wait
        while True:
            if self._closed:
                raise GRPCError(Status.CANCELLED, f"the channel to {self.address} is closed")
            protocol = self.current()
            if protocol is not None:
                return protocol
            if self._dialling is None:
                pause = self._next_attempt - trio.current_time()
                if pause > 0 and not wait:
                    assert self._failure is not None
                    raise copy_error(self._failure)
                self._dialling = trio.Event()
                self._nursery.start_soon(self._dial, max(0.0, pause))
            await self._dialling.wait()
            if self.current() is None and not wait and self._failure is not None and not self._closed:
                raise copy_error(self._failure)

    async def _dial(self, pause: float) -> None:
        done = self._dialling
        assert done is not None
        try:
            await trio.sleep(pause)
            self._protocol = await self._connect_once()
        except GRPCError as error:
            delay = self._backoff.next_delay()
            self._failure = error
            self._next_attempt = trio.current_time() + delay
            # The caller gets this as an error, and decides how loud it is.
            log.info("%s; next attempt in %.1f s at the earliest", error.message, delay)
        else:
            self.connections_made += 1
            self._failure = None
            if self._backoff.failures:
                log.info("connected to %s after %d failed attempts", self.address, self._backoff.failures)
            self._backoff.reset()
        finally:
            self._dialling = None
            done.set()

    async def _connect_once(self) -> Protocol:
        peer = str(self.address)
        with trio.move_on_after(self._connect_timeout):
            try:
                sock = await self._open_socket(self.address)
            except (OSError, ExceptionGroup) as error:
                raise connect_failure(error, peer) from error
            try:
                protocol = Protocol(_Handler(self._ping_less), self._config, self._h2_config, peer=peer)
                transport = Transport(sock, protocol, tls=self.tls, server_hostname=self._server_hostname)
                if self.tls is not None:
                    try:
                        await transport.handshake()
                    except (OSError, ValueError) as error:  # ssl.SSLError is an OSError
                        raise tls_failure(error, peer) from error
                protocol.connection_made(transport)
            except BaseException:
                sock.close()
                raise
            self._alive[transport] = protocol
            self._nursery.start_soon(self._run, transport, protocol)
            try:
                await protocol.connection.settings_received.wait()
            except StreamTerminatedError as error:
                raise GRPCError(
                    Status.UNAVAILABLE,
                    f"connected to {peer}, but it is not a gRPC server or went away: {error} "
                    "(expected HTTP/2 SETTINGS; check the port, and whether it wants TLS)",
                ) from error
            except BaseException:
                protocol.processor.close("gave up waiting for the peer's SETTINGS")
                raise
            return protocol
        raise GRPCError(
            Status.UNAVAILABLE,
            f"{peer} did not complete a connection within {self._connect_timeout:g} s "
            "(TCP, TLS and SETTINGS; check that a gRPC server answers there, or raise connect_timeout)",
        )

    async def _run(self, transport: Transport, protocol: Protocol) -> None:
        background = []
        if self._keepalive is not None:
            background.append(partial(watch, protocol.connection, self._keepalive, protocol.processor.close))
        try:
            await transport.run(*background)
        finally:
            del self._alive[transport]
            if self._protocol is protocol:
                self._protocol = None

    def _ping_less(self) -> None:
        if self._keepalive is not None:
            self._keepalive = self._keepalive.slower()

    def close(self) -> None:
        """Say goodbye on every connection; calls in flight fail."""
        self._closed = True
        for protocol in list(self._alive.values()):
            protocol.connection.go_away()
            protocol.processor.close(f"the channel was closed ({self.address})")
