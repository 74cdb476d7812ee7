"""Peers that are broken or mean, at either end: one connection may end, the server and the channel go on."""

# ruff: noqa: PT012 the block that fails is an `async with`

from __future__ import annotations

import random
import socket
import ssl
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager, suppress
from typing import Any

import pytest
import trio
import trio.testing
from grpclib.const import Status
from h2.config import H2Configuration
from h2.connection import H2Connection
from h2.errors import ErrorCodes
from h2.events import ConnectionTerminated, ResponseReceived, StreamReset
from hyperframe.frame import GoAwayFrame, PingFrame, RstStreamFrame, SettingsFrame
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.patience import PATIENCE
from tests.rpc.kit import OURS, Service, eventually, serving, status_of, stream, unary
from trio_durable._rpc import open_channel
from trio_durable._rpc.limits import Limits

HANDSHAKE = 10.0
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SettingsFrame(0).serialize()


def headers(method: str = "echo", **more: str) -> list[tuple[str, str]]:
    fields = {
        ":method": "POST",
        ":scheme": "http",
        ":path": OURS + method,
        ":authority": "x",
        "te": "trailers",
        "content-type": "application/grpc",
        **more,
    }
    return [(key, value) for key, value in fields.items() if value]


class RawClient:
    """A client of bare h2, for what a good client would never send."""

    def __init__(self, stream: trio.SocketStream) -> None:
        self.stream = stream
        config = H2Configuration(client_side=True, header_encoding="utf-8", validate_outbound_headers=False)
        self.h2 = H2Connection(config)
        self.h2.initiate_connection()
        self.events: list[Any] = []

    async def flush(self) -> None:
        await self.stream.send_all(self.h2.data_to_send())

    async def until(self, wanted: Callable[[Any], bool]) -> Any:
        """Read until an event satisfies `wanted`; None when the connection ended first."""
        with trio.fail_after(PATIENCE):
            while True:
                for event in self.events:
                    if wanted(event):
                        return event
                try:
                    data = await self.stream.receive_some()
                except trio.BrokenResourceError:
                    return None
                if not data:
                    return None
                self.events += self.h2.receive_data(data)
                await self.flush()

    def goaway(self) -> Any:
        return self.until(lambda event: isinstance(event, ConnectionTerminated))


async def raw(port: int) -> RawClient:
    return RawClient(await trio.open_tcp_stream("127.0.0.1", port))


async def still_fine(port: int) -> None:
    async with open_channel(f"127.0.0.1:{port}") as channel:
        assert await unary(channel, OURS + "echo", b"fine") == b"fine"


NOISE = random.Random(1).randbytes(100_000)  # the same every time: new ground is for `make fuzz`
GARBAGE = {
    "nothing": b"",
    "http/1": b"GET / HTTP/1.1\r\nHost: x\r\n\r\n",
    "random": NOISE,
    "zeros": bytes(5000),
    "preface then random": PREFACE + NOISE,
    "an oversized frame": PREFACE + (20_000).to_bytes(3, "big") + b"\0\0" + struct.pack(">I", 1) + bytes(20_000),
    "data on no stream": PREFACE + b"\0\0\1\0\0" + struct.pack(">I", 1) + b"x",
    "headers that do not decode": PREFACE + b"\0\0\4\1\4" + struct.pack(">I", 1) + b"\xff\xff\xff\xff",
    "headers that are not ascii": PREFACE + b"\0\0\6\1\5" + struct.pack(">I", 1) + b"\x00\x01\xc3\x01\xa9\x82",
    "a window of zero": PREFACE + b"\0\0\4\x08\0" + struct.pack(">II", 0, 0),
    "half a frame": PREFACE + b"\0\xff",
    "settings out of range": PREFACE + b"\0\0\6\4\0" + struct.pack(">IHI", 0, 4, 2**31),
}


@asynccontextmanager
async def hurried(clock: trio.testing.MockClock) -> AsyncIterator[None]:
    """While the block lasts, the time of a handshake is over as soon as everybody waits; elsewhere the clock stands."""

    async def hurry() -> None:
        while True:
            await trio.testing.wait_all_tasks_blocked(0.01)
            clock.jump(HANDSHAKE)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(hurry)
        yield
        nursery.cancel_scope.cancel()


@pytest.mark.parametrize("name", GARBAGE)
async def test_the_server_outlives_garbage(name: str, mock_clock: trio.testing.MockClock) -> None:
    async with serving(Service(), handshake_timeout=HANDSHAKE) as port:
        async with await trio.open_tcp_stream("127.0.0.1", port) as bad, hurried(mock_clock):
            try:
                await bad.send_all(GARBAGE[name])
                if name == "half a frame":
                    await bad.send_eof()  # nothing is wrong with it yet
                while await bad.receive_some():
                    pass  # and it hangs up by itself: at once, or when the handshake's time is over
            except trio.BrokenResourceError:
                pass
        await still_fine(port)


FRAMES = st.tuples(st.integers(0, 12), st.integers(0, 255), st.integers(0, 9), st.binary(max_size=40))


@settings(max_examples=60, deadline=None, suppress_health_check=list(HealthCheck))
@given(st.lists(FRAMES, max_size=12))
async def test_the_server_outlives_any_frames(frames: list[tuple[int, int, int, bytes]]) -> None:
    data = PREFACE
    for kind, flags, stream_id, body in frames:
        data += struct.pack(">I", len(body))[1:] + bytes([kind, flags]) + struct.pack(">I", stream_id) + body
    async with serving(Service()) as port:
        async with await trio.open_tcp_stream("127.0.0.1", port) as bad:
            try:
                await bad.send_all(data)
                await bad.send_eof()
                while await bad.receive_some():
                    pass
            except trio.BrokenResourceError:
                pass
        await still_fine(port)


async def test_a_protocol_error_is_answered_with_goaway() -> None:
    async with serving(Service()) as port:
        client = await raw(port)
        await client.flush()
        await client.stream.send_all(b"\0\0\1\0\0" + struct.pack(">I", 1) + b"x")  # DATA on a stream never opened
        event = await client.goaway()
        assert event is not None
        assert event.error_code == ErrorCodes.PROTOCOL_ERROR
        await client.stream.aclose()


async def test_half_a_tls_handshake(
    server_context: ssl.SSLContext, client_context: ssl.SSLContext, mock_clock: trio.testing.MockClock
) -> None:
    async with serving(Service(), ssl=server_context, handshake_timeout=HANDSHAKE) as port:
        for data in (b"", b"\x16\x03\x01\x02\x00\x01\x00", b"GET / HTTP/1.1\r\n\r\n", NOISE[:1000]):
            async with await trio.open_tcp_stream("127.0.0.1", port) as bad, hurried(mock_clock):
                try:
                    await bad.send_all(data)
                    while await bad.receive_some():
                        pass
                except trio.BrokenResourceError:
                    pass
        plain = ssl.create_default_context()  # TLS without ALPN
        plain.check_hostname, plain.verify_mode = False, ssl.CERT_NONE
        async with trio.SSLStream(await trio.open_tcp_stream("127.0.0.1", port), plain) as other:
            try:
                await other.do_handshake()
                while await other.receive_some():
                    pass
            except trio.BrokenResourceError:
                pass
        async with open_channel(f"grpcs://localhost:{port}", ssl=client_context) as channel:
            assert await unary(channel, OURS + "echo", b"fine") == b"fine"


async def test_streams_above_the_limit_are_refused_and_the_connection_lives() -> None:
    service = Service()
    async with serving(service, max_concurrent_streams=5) as port:
        client = await raw(port)
        for number in range(20):
            client.h2.send_headers(1 + 2 * number, headers("sleep"))
            client.h2.send_data(1 + 2 * number, b"\0\0\0\0\x0230", end_stream=True)
        await client.flush()
        refused = set()
        while len(refused) < 15:
            event = await client.until(lambda event: isinstance(event, StreamReset) and event.stream_id not in refused)
            assert event.error_code == ErrorCodes.REFUSED_STREAM
            refused.add(event.stream_id)
        assert refused == {1 + 2 * number for number in range(5, 20)}
        assert service.running == 5
        await client.stream.aclose()
        await eventually(lambda: service.running == 0)


@pytest.mark.parametrize("flood", ["rapid reset", "ping", "settings"])
async def test_floods_are_cut_off(flood: str, monkeypatch: pytest.MonkeyPatch) -> None:
    # A budget that hardly refills: on a busy machine the usual one would be earned back while the flood lasts.
    monkeypatch.setattr(Limits.__init__, "__kwdefaults__", {"burst": 4000, "rate": 1.0})
    service = Service()
    async with serving(service, max_concurrent_streams=50) as port:
        client = await raw(port)
        await client.flush()
        with trio.fail_after(PATIENCE):
            try:
                for number in range(60):
                    data = b""
                    for index in range(100):
                        stream_id = 1 + 2 * (number * 100 + index)
                        if flood == "rapid reset":
                            client.h2.send_headers(stream_id, headers("sleep"))
                            data += client.h2.data_to_send()
                            data += RstStreamFrame(stream_id, error_code=8).serialize()
                            client.h2.streams.clear()
                        elif flood == "ping":
                            data += PingFrame(0, opaque_data=b"12345678").serialize()
                        else:
                            data += SettingsFrame(0).serialize()
                    await client.stream.send_all(data)
                event = await client.goaway()
                assert event is None or event.error_code == ErrorCodes.ENHANCE_YOUR_CALM
            except trio.BrokenResourceError:
                pass
        await client.stream.aclose()
        assert service.most <= 50
        await still_fine(port)
        await eventually(lambda: service.running == 0)


async def test_a_peer_that_does_not_read_its_answers() -> None:
    """PINGs whose answers pile up: the connection is dropped, memory stays bounded."""
    async with serving(Service()) as port:
        sock = trio.socket.socket()
        sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        await sock.connect(("127.0.0.1", port))
        bad = trio.SocketStream(sock)
        with pytest.raises(trio.BrokenResourceError), trio.fail_after(PATIENCE):
            await bad.send_all(PREFACE)
            while True:
                await bad.send_all(PingFrame(0, opaque_data=b"12345678").serialize() * 1000)
        await bad.aclose()
        await still_fine(port)


@pytest.mark.parametrize(
    ("change", "expected"),
    [
        ({":method": "GET"}, {":status": "405"}),
        ({"content-type": "text/html"}, {":status": "415"}),
        ({"te": ""}, {":status": "400"}),
        ({":path": "/x/y"}, {":status": "200", "grpc-status": "12"}),
        ({"grpc-timeout": "soon"}, {"grpc-status": "13"}),
        ({"grpc-timeout": "99999999H"}, {":status": "200"}),
        ({"grpc-timeout": "0n"}, {"grpc-status": "4"}),
        ({"x-bin": "a"}, {"grpc-status": "13"}),
    ],
)
async def test_bad_requests(change: dict[str, str], expected: dict[str, str]) -> None:
    async with serving(Service()) as port:
        client = await raw(port)
        client.h2.send_headers(1, headers(**change))
        client.h2.send_data(1, b"\0\0\0\0\1x", end_stream=True)
        await client.flush()
        event = await client.until(lambda event: isinstance(event, ResponseReceived))
        got = dict(event.headers)
        assert {key: got.get(key) for key in expected} == expected
        await client.stream.aclose()


@pytest.mark.parametrize(
    ("body", "status"),
    [(b"\1\0\0\0\1x", "12"), (b"\0\0\0\0\5xx", "13"), (b"", "13"), (b"\0\xff\xff\xff\xff", "8")],
    ids=["compressed", "cut short", "no message", "four gigabytes announced"],
)
async def test_bad_bodies(body: bytes, status: str) -> None:
    async with serving(Service()) as port:
        client = await raw(port)
        client.h2.send_headers(1, headers())
        client.h2.send_data(1, body, end_stream=True)
        await client.flush()
        event = await client.until(lambda event: isinstance(event, ResponseReceived))
        assert dict(event.headers).get("grpc-status") == status
        await client.stream.aclose()


# -- the other way round: our client, and a server that is no good


class Door:
    """A listening socket; `answer` is played to whoever connects."""

    def __init__(self, answer: Callable[[trio.SocketStream], Any]) -> None:
        self.answer = answer

    async def __aenter__(self) -> str:
        self._manager = trio.open_nursery()
        nursery = await self._manager.__aenter__()
        listeners = await nursery.start(trio.serve_tcp, self._play, 0)
        self._scope = nursery.cancel_scope
        return f"127.0.0.1:{listeners[0].socket.getsockname()[1]}"

    async def __aexit__(self, *exc: Any) -> None:
        self._scope.cancel()
        await self._manager.__aexit__(*exc)

    async def _play(self, stream: trio.SocketStream) -> None:
        with suppress(trio.BrokenResourceError):
            await self.answer(stream)


def server_h2() -> H2Connection:
    h2c = H2Connection(H2Configuration(client_side=False, header_encoding="utf-8"))
    h2c.initiate_connection()
    return h2c


async def one_request(stream: trio.SocketStream, h2c: H2Connection) -> int:
    """Play server until one whole request has come."""
    from h2.events import StreamEnded

    await stream.send_all(h2c.data_to_send())
    while True:
        for event in h2c.receive_data(await stream.receive_some()):
            if isinstance(event, StreamEnded):
                return event.stream_id
        await stream.send_all(h2c.data_to_send())


OK = [(":status", "200"), ("content-type", "application/grpc")]


async def outcome(answer: Callable[[trio.SocketStream], Any], **options: Any) -> tuple[Status, str]:
    async with Door(answer) as address, open_channel(address, **options) as channel:
        return await status_of(unary(channel, OURS + "echo", b"x", timeout=PATIENCE))


async def test_servers_that_are_no_servers() -> None:
    async def hangs_up(stream: trio.SocketStream) -> None:
        await stream.aclose()

    async def http1(stream: trio.SocketStream) -> None:
        await stream.send_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n")
        await trio.sleep(0.2)

    async def mute(stream: trio.SocketStream) -> None:
        await trio.sleep_forever()

    for answer in (hangs_up, http1):
        status, text = await outcome(answer)
        assert (status, "not a gRPC server" in text) == (Status.UNAVAILABLE, True)
    status, text = await outcome(mute, connect_timeout=0.1)
    assert (status, "connect_timeout" in text) == (Status.UNAVAILABLE, True)


Fields = list[tuple[str, str]]


async def respond(stream: trio.SocketStream, first: Fields | None, body: bytes | None, last: Fields | None) -> None:
    h2c = server_h2()
    stream_id = await one_request(stream, h2c)
    if first is not None:
        h2c.send_headers(stream_id, first, end_stream=body is None and last is None)
    if body is not None:
        h2c.send_data(stream_id, body, end_stream=last is None)
    if last is not None:
        h2c.send_headers(stream_id, last, end_stream=True)
    await stream.send_all(h2c.data_to_send())
    await trio.sleep_forever()


@pytest.mark.parametrize(
    ("first", "body", "last", "status", "text"),
    [
        ([(":status", "503")], None, None, Status.UNAVAILABLE, "503"),
        ([(":status", "200"), ("content-type", "text/html")], b"<html>", None, Status.UNKNOWN, "content-type"),
        (OK, b"\0\0\0\0\1x", None, Status.UNAVAILABLE, "without a status"),
        (OK, b"\0\0\0\0\5x", [("grpc-status", "0")], Status.UNAVAILABLE, "middle of a message"),
        (OK, b"\0\0\0\0\5x", [("grpc-status", "9")], Status.FAILED_PRECONDITION, ""),
        (OK, None, [("grpc-status", "0")], Status.INTERNAL, "no message"),
        (OK, b"\1\0\0\0\1x", [("grpc-status", "0")], Status.UNIMPLEMENTED, "compressed"),
        (OK, b"\0\0\0\0\1x", [("grpc-status", "banana")], Status.UNKNOWN, "banana"),
        (OK, None, [("grpc-status", "7"), ("grpc-message", "no%20entry")], Status.PERMISSION_DENIED, "no entry"),
    ],
)
async def test_bad_responses(first: Any, body: Any, last: Any, status: Status, text: str) -> None:
    got, message = await outcome(lambda stream: respond(stream, first, body, last))
    assert (got, text in message) == (status, True), message


@pytest.mark.parametrize(
    ("code", "status"),
    [
        (ErrorCodes.CANCEL, Status.CANCELLED),
        (ErrorCodes.INTERNAL_ERROR, Status.UNAVAILABLE),
        (ErrorCodes.NO_ERROR, Status.UNAVAILABLE),
        (ErrorCodes.ENHANCE_YOUR_CALM, Status.RESOURCE_EXHAUSTED),
        (999, Status.UNAVAILABLE),
    ],
)
async def test_resets_in_the_middle_of_a_message(code: Any, status: Status) -> None:
    async def answer(stream: trio.SocketStream) -> None:
        h2c = server_h2()
        stream_id = await one_request(stream, h2c)
        h2c.send_headers(stream_id, OK)
        h2c.send_data(stream_id, b"\0\0\0\0\5x")
        h2c.reset_stream(stream_id, code)
        await stream.send_all(h2c.data_to_send())
        await trio.sleep_forever()

    got, text = await outcome(answer)
    assert (got, "RST_STREAM" in text) == (status, True)


async def test_refused_streams_are_sent_again() -> None:
    """REFUSED_STREAM, and GOAWAY with a lower last stream id: the peer has not seen the call, so it is repeated."""
    seen = []

    async def answer(stream: trio.SocketStream) -> None:
        h2c = server_h2()
        stream_id = await one_request(stream, h2c)
        seen.append(stream_id)
        if len(seen) == 1:
            h2c.reset_stream(stream_id, ErrorCodes.REFUSED_STREAM)
            stream_id = await one_request(stream, h2c)
            seen.append(stream_id)
            await stream.send_all(GoAwayFrame(0, last_stream_id=1, error_code=0).serialize())
            await trio.sleep_forever()
        h2c.send_headers(stream_id, OK)
        h2c.send_data(stream_id, b"\0\0\0\0\4done")
        h2c.send_headers(stream_id, [("grpc-status", "0")], end_stream=True)
        await stream.send_all(h2c.data_to_send())
        await trio.sleep_forever()

    async with Door(answer) as address, open_channel(address) as channel:
        with trio.fail_after(PATIENCE):
            assert await unary(channel, OURS + "echo", b"x") == b"done"
        assert seen == [1, 3, 1]
        assert channel.connections_made == 2


async def test_refusing_for_ever_is_unavailable() -> None:
    async def answer(stream: trio.SocketStream) -> None:
        h2c = server_h2()
        while True:
            h2c.reset_stream(await one_request(stream, h2c), ErrorCodes.REFUSED_STREAM)

    status, text = await outcome(answer)
    assert (status, "refused" in text) == (Status.UNAVAILABLE, True)


async def test_a_call_that_was_seen_is_never_sent_twice() -> None:
    seen = []

    async def answer(stream: trio.SocketStream) -> None:
        seen.append(await one_request(stream, server_h2()))
        await stream.aclose()

    status, _ = await outcome(answer)
    assert status is Status.UNAVAILABLE
    assert seen == [1]


async def test_two_goaways_as_grpc_servers_send_them() -> None:
    """First with the largest id, as a warning, then with the real one; the call in flight finishes."""

    async def answer(stream: trio.SocketStream) -> None:
        h2c = server_h2()
        stream_id = await one_request(stream, h2c)
        await stream.send_all(GoAwayFrame(0, last_stream_id=2**31 - 1, error_code=0).serialize())
        await stream.send_all(GoAwayFrame(0, last_stream_id=stream_id, error_code=0).serialize())
        h2c.send_headers(stream_id, OK)
        h2c.send_data(stream_id, b"\0\0\0\0\4done")
        h2c.send_headers(stream_id, [("grpc-status", "0")], end_stream=True)
        await stream.send_all(h2c.data_to_send())
        while await stream.receive_some():
            pass

    async with Door(answer) as address, open_channel(address) as channel:
        for _ in range(3):
            assert await unary(channel, OURS + "echo", b"x") == b"done"
        assert channel.connections_made == 3


async def test_a_stream_into_nothing_is_noticed() -> None:
    """A stream of messages whose connection is cut between two of them."""

    async def answer(stream: trio.SocketStream) -> None:
        h2c = server_h2()
        stream_id = await one_request(stream, h2c)
        h2c.send_headers(stream_id, OK)
        h2c.send_data(stream_id, b"\0\0\0\0\1x")
        await stream.send_all(h2c.data_to_send())

    async with Door(answer) as address, open_channel(address) as channel:
        got = []

        async def read() -> None:
            async with stream(channel, OURS + "stream_forever") as call:
                await call.send_message(b"", end=True)
                async for message in call:
                    got.append(message)

        assert (await status_of(read()))[0] is Status.UNAVAILABLE
        assert got == [b"x"]
