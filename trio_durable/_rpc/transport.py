"""Bytes between a socket and a `Protocol`: the part of `asyncio.Transport` that grpclib uses, on Trio.

Rules:

1. `write` never blocks and never raises.  A writer task sends; above `_HIGH` bytes the protocol is told to pause, below
   `_LOW` to go on.  What a paused connection must still send (answers to PING and the like) may pile up by `_EXCESS`,
   then the peer is taken for one that does not read, and is dropped.
2. `run` ends when the connection does, for whatever reason, and never raises for it: a bad peer must not take down the
   nursery that serves the good ones.  It closes the socket on every path.
3. TLS is done here, over memory buffers, so that the two tasks that share a socket never share an `SSLSocket`.
"""

from __future__ import annotations

import logging
import socket
import ssl
from collections.abc import Awaitable, Callable
from typing import Any
from typing import Protocol as TypingProtocol

import trio
from trio.lowlevel import Abort, Task, current_task, reschedule, wait_readable, wait_task_rescheduled, wait_writable

__all__ = ["Transport"]

log = logging.getLogger("trio_durable.rpc")

_LOW = 64 * 1024
_HIGH = 256 * 1024
_EXCESS = 4 * 1024 * 1024
_RECEIVE = 256 * 1024
_LINGER = 1.0  # seconds in which a closed connection may still hand over what was written
_AGAIN = (BlockingIOError, InterruptedError)


class _Receiver(TypingProtocol):
    def data_received(self, data: bytes) -> None: ...
    def connection_lost(self, exc: BaseException | None) -> None: ...
    def pause_writing(self) -> None: ...
    def resume_writing(self) -> None: ...


class Transport:
    """A connected socket.  `handshake()` first if there is TLS, then `run()` for as long as the connection lives."""

    def __init__(
        self,
        sock: socket.socket,
        protocol: _Receiver,
        *,
        tls: ssl.SSLContext | None = None,
        server_side: bool = False,
        server_hostname: str | None = None,
    ) -> None:
        sock.setblocking(False)
        if sock.family in (socket.AF_INET, socket.AF_INET6):
            sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._sock = sock
        self._protocol = protocol
        self._server_side = server_side
        self._out: list[bytes] = []
        self._out_size = 0
        self._sending = False  # the writer holds a remainder: nobody may send past it
        self._paused = False
        self._closing = False
        self._broken = False  # the peer takes no more bytes
        self._writer: Task | None = None
        self._flushed = trio.Event()  # the writer has ended
        self._close_asked = trio.Event()
        self._tls: ssl.SSLObject | None = None
        if tls is not None:
            self._tls_in, self._tls_out = ssl.MemoryBIO(), ssl.MemoryBIO()
            name = None if server_side else server_hostname
            self._tls = tls.wrap_bio(self._tls_in, self._tls_out, server_side=server_side, server_hostname=name)

    # -- what grpclib sees

    def get_extra_info(self, name: str, default: Any = None) -> Any:
        if name == "socket":
            return self._sock
        if name == "ssl_object":
            return self._tls if self._tls is not None else default
        if name == "peername":
            try:
                return self._sock.getpeername()
            except OSError:
                return default
        return default

    def is_closing(self) -> bool:
        return self._closing

    def write(self, data: bytes, *, wake: bool = True) -> None:
        """Send soon.  With `wake=False` the caller promises to write more, or to call `flush_now`, without waiting."""
        if self._broken or not data:
            return
        if self._tls is not None:
            try:
                self._tls.write(data)
            except ssl.SSLError:
                self._broken = True  # the peer ended the session; the reader will find out
                return
            data = self._tls_out.read()
        self._push(data, wake)

    def close(self) -> None:
        """No more input; what was written is still sent, for `_LINGER` seconds at most."""
        if self._closing:
            return
        self._closing = True
        self.flush_now()
        self.wake_writer()
        self._close_asked.set()

    # -- output

    def _push(self, data: bytes, wake: bool = True) -> None:
        self._out.append(data)
        self._out_size += len(data)
        if wake:
            self.wake_writer()
        if self._out_size > _HIGH:
            if not self._paused:
                self._paused = True
                self._protocol.pause_writing()
            if self._out_size > _HIGH + _EXCESS:
                self._give_up("the peer does not read what we must send")

    def wake_writer(self) -> None:
        if self._writer is not None:
            task, self._writer = self._writer, None
            reschedule(task)

    def _give_up(self, reason: str) -> None:
        if not self._broken:
            self._broken = True
            self._out, self._out_size = [], 0
            self._protocol.connection_lost(OSError(reason))

    def _gather(self) -> bytes:
        out = self._out
        data = out[0] if len(out) == 1 else b"".join(out)
        self._out = []
        return data

    def flush_now(self) -> None:
        """Send at once what can be sent at once, without the hop to the writer task."""
        if self._sending or self._broken or not self._out:
            return  # what is pending, the writer sends
        data = self._gather()
        try:
            sent = self._sock.send(data)
        except _AGAIN:
            sent = 0
        except OSError:
            self._broken = True  # the reader will find out why
            self._out_size = 0
            return
        self._out_size -= sent
        if sent < len(data):
            self._out = [data[sent:]]
            self.wake_writer()

    def _parked(self, _: object) -> Abort:
        self._writer = None
        return Abort.SUCCEEDED

    async def _write_loop(self) -> None:
        while not self._broken:
            if not self._out:
                if self._closing:
                    break
                self._writer = current_task()
                await wait_task_rescheduled(self._parked)
                continue
            self._sending = True
            try:
                await self._send_all(self._gather())
            except OSError:
                self._broken = True  # the reader will find out why; what it still gets is still good
                self._out, self._out_size = [], 0
            finally:
                self._sending = False
            if self._paused and self._out_size <= _LOW:
                self._paused = False
                self._protocol.resume_writing()
        self._flushed.set()

    async def _send_all(self, data: bytes) -> None:
        view = memoryview(data)
        while view:
            try:
                sent = self._sock.send(view)
            except _AGAIN:
                await wait_writable(self._sock)
                continue
            view = view[sent:]
            self._out_size = max(0, self._out_size - sent)

    # -- input

    async def _read_loop(self) -> BaseException | None:
        """Feed the protocol until the peer is gone; what it went with, if that is known."""
        receive = self._sock.recv
        try:
            if self._tls is not None and not self._decrypt(b""):  # came along with the handshake
                return None
            while True:
                await wait_readable(self._sock)
                try:
                    data = receive(_RECEIVE)
                except _AGAIN:
                    continue
                if not data:
                    return None
                if self._closing:
                    continue
                if self._tls is None:
                    self._protocol.data_received(data)
                elif not self._decrypt(data):
                    return None
        except OSError as error:  # ssl.SSLError is one
            return error

    def _decrypt(self, data: bytes) -> bool:
        """Feed the protocol what `data` decrypts to; False when the peer ended the TLS session."""
        assert self._tls is not None
        if data:
            self._tls_in.write(data)
        parts = []
        alive = True
        while True:
            try:
                part = self._tls.read(_RECEIVE)
            except ssl.SSLWantReadError:
                break
            except ssl.SSLZeroReturnError:
                part = b""
            if not part:
                alive = False
                break
            parts.append(part)
        if parts:
            self._protocol.data_received(b"".join(parts))
        answer = self._tls_out.read()  # a key update wants an answer
        if answer and not self._broken:
            self._push(answer)
        return alive

    # -- life

    async def handshake(self) -> None:
        """TLS, to the end of the handshake.  Raises ssl.SSLError or OSError; the caller closes the socket then."""
        assert self._tls is not None
        done = False
        while not done:
            try:
                self._tls.do_handshake()
                done = True
            except ssl.SSLWantReadError:
                pass
            finally:
                pending = self._tls_out.read()  # also the alert that says why we refuse
                if pending:
                    await self._send_all(pending)
            if done:
                break
            await wait_readable(self._sock)
            try:
                data = self._sock.recv(_RECEIVE)
            except _AGAIN:
                continue
            if not data:
                raise ssl.SSLError("the peer hung up during the TLS handshake")
            self._tls_in.write(data)
        protocol = self._tls.selected_alpn_protocol()
        if protocol != "h2":
            raise ssl.SSLError(f"the peer did not agree to HTTP/2 (ALPN says {protocol!r}, expected 'h2')")

    async def run(self, *background: Callable[[], Awaitable[None]]) -> None:
        """Serve the connection until it ends.  `background` tasks (keepalive) live and end with it."""
        lost: BaseException | None = None
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(self._write_loop)
                nursery.start_soon(self._linger, nursery.cancel_scope)
                for task in background:
                    nursery.start_soon(task)
                lost = await self._read_loop()
                nursery.cancel_scope.cancel()
        except Exception as error:
            log.exception("a connection failed for no fault of its peer")
            lost = error
        finally:
            self._closing = True
            self.flush_now()
            self._broken = True
            try:
                self._protocol.connection_lost(lost)
            finally:
                self._sock.close()

    async def _linger(self, scope: trio.CancelScope) -> None:
        """After `close`: hand over the rest, say goodbye, and end the connection's tasks."""
        await self._close_asked.wait()
        with trio.move_on_after(_LINGER):
            await self._flushed.wait()
            if self._server_side and not self._broken:
                # A socket closed with unread input sends RST, and an RST overtakes the answer that says why.
                try:
                    self._sock.shutdown(socket.SHUT_WR)
                except OSError:
                    pass
                else:
                    await trio.sleep_forever()  # until the peer hangs up: the reader ends the nursery
        scope.cancel()
