"""Making, watching and losing connections; most of it on a virtual clock."""

from __future__ import annotations

import errno
import random
import socket
import ssl
import stat
import threading
from collections.abc import Callable
from functools import partial
from typing import Any

import pytest
import trio
import trio.testing
from grpclib.const import Status
from hyperframe.frame import SettingsFrame

from tests.loopback import held_port
from tests.patience import PATIENCE
from tests.rpc.kit import OURS, Service, eventually, serving, status_of, stream, unary
from trio_durable._rpc import Backoff, Keepalive, Server, client_tls, open_channel, serve


class Ends:
    """Pairs of connected sockets in place of TCP: each dial is recorded, and answered by what `script` says next."""

    def __init__(self, *script: Exception | Callable[[socket.socket], Any]) -> None:
        self.script = list(script)
        self.dials: list[float] = []
        self.far: list[socket.socket] = []

    async def __call__(self, address: Any) -> socket.socket:
        self.dials.append(trio.current_time())
        step = self.script.pop(0) if len(self.script) > 1 else self.script[0]
        if isinstance(step, Exception):
            raise step
        near, far = socket.socketpair()
        self.far.append(far)
        step(far)
        return near

    def close(self) -> None:
        for sock in self.far:
            sock.close()


def refused() -> OSError:
    return ConnectionRefusedError(errno.ECONNREFUSED, "Connection refused")


async def test_the_first_failure_surfaces_at_once(mock_clock: trio.testing.MockClock) -> None:
    """The clock stands still, so there is nothing else that the call could wait for."""
    with held_port() as port:
        async with open_channel(f"127.0.0.1:{port}") as channel:
            status, text = await status_of(unary(channel, OURS + "echo"))
            assert status is Status.UNAVAILABLE
            assert f"127.0.0.1:{port}" in text
            assert "Connection refused" in text
            assert "start the sidecar" in text


async def test_backoff_between_attempts(
    autojump_clock: trio.testing.MockClock, caplog: pytest.LogCaptureFixture
) -> None:
    """In between, calls fail with the last failure and nothing is dialled."""
    caplog.set_level("INFO", "trio_durable.rpc")
    ends = Ends(refused())
    backoff = Backoff(rng=random.Random(1))
    async with open_channel("x:1", open_socket=ends, backoff=backoff) as channel:
        for _ in range(400):
            assert (await status_of(unary(channel, OURS + "echo")))[0] is Status.UNAVAILABLE
            await trio.sleep(0.25)
    gaps = [later - sooner for sooner, later in zip(ends.dials, ends.dials[1:], strict=False)]
    for index, gap in enumerate(gaps):
        nominal = min(15.0, 1.6**index)
        assert nominal * 0.8 <= gap <= nominal * 1.2 + 0.25
    assert len(gaps) >= 9
    assert caplog.text.count("next attempt in") == len(ends.dials)


async def test_wait_for_ready_waits(autojump_clock: trio.testing.MockClock) -> None:
    ends = Ends(refused(), refused(), refused(), refused())
    async with open_channel("x:1", open_socket=ends, wait_for_ready=True) as channel:
        with trio.move_on_after(60) as scope:
            await unary(channel, OURS + "echo")
        assert scope.cancelled_caught
        assert len(ends.dials) >= 6
        assert (await status_of(unary(channel, OURS + "echo", timeout=5)))[0] is Status.DEADLINE_EXCEEDED


@pytest.mark.parametrize("io", ["inline", "thread"])
async def test_wait_ready(io: Any) -> None:
    async with serving(Service()) as port, open_channel(f"127.0.0.1:{port}", io=io) as channel:
        await channel.wait_ready()
        assert channel.connections_made == 1
    async with open_channel("127.0.0.1:1", io=io) as channel:
        with trio.move_on_after(0.1) as scope:
            await channel.wait_ready()
        assert scope.cancelled_caught


async def test_one_dial_serves_all_callers_and_belongs_to_none() -> None:
    """A caller that gives up during the dial takes nothing from the others."""
    service = Service()
    gate = trio.Event()
    async with serving(service) as port:

        async def slowly(address: Any) -> socket.socket:
            await gate.wait()
            return socket.create_connection(("127.0.0.1", port))

        async with open_channel("x:1", open_socket=slowly) as channel, trio.open_nursery() as nursery:
            results: list[bytes] = []

            async def caller() -> None:
                results.append(await unary(channel, OURS + "echo", b"x"))

            with trio.CancelScope() as impatient:
                async with trio.open_nursery() as first:
                    first.start_soon(unary, channel, OURS + "echo")
                    await trio.testing.wait_all_tasks_blocked()
                    for _ in range(10):
                        nursery.start_soon(caller)
                    await trio.testing.wait_all_tasks_blocked()
                    impatient.cancel()
            gate.set()
            with trio.fail_after(PATIENCE):
                while len(results) < 10:
                    await trio.testing.wait_all_tasks_blocked()
        assert results == [b"x"] * 10
        assert channel.connections_made == 1


async def test_a_silent_peer_is_known_after_time_and_timeout(autojump_clock: trio.testing.MockClock) -> None:
    def settings_and_silence(far: socket.socket) -> None:
        far.sendall(SettingsFrame(0).serialize())

    ends = Ends(settings_and_silence)
    keepalive = Keepalive(time=30, timeout=10)
    async with open_channel("x:1", open_socket=ends, keepalive=keepalive) as channel:
        started = trio.current_time()
        status, text = await status_of(unary(channel, OURS + "echo"))
        assert (status, "keepalive" in text) == (Status.UNAVAILABLE, True)
        assert trio.current_time() - started == pytest.approx(40, abs=0.2)
    ends.close()


async def test_no_pings_without_calls_unless_permitted(autojump_clock: trio.testing.MockClock) -> None:
    received = {}
    for permit in (True, False):
        ends = Ends(lambda far: far.sendall(SettingsFrame(0).serialize()))
        keepalive = Keepalive(time=10, timeout=5, permit_without_calls=permit)
        async with open_channel("x:1", open_socket=ends, keepalive=keepalive) as channel:
            await channel.wait_ready()
            await trio.sleep(100)
            ends.far[0].setblocking(False)
            received[permit] = b"\0\0\x08\x06\0\0\0\0\0" in ends.far[0].recv(100_000)
            assert (channel._dialer.current() is None) == permit  # type: ignore[union-attr]
        ends.close()
    assert received == {True: True, False: False}


async def test_pings_find_a_living_peer_alive(autojump_clock: trio.testing.MockClock) -> None:
    """Our own server answers; a day of idleness changes nothing."""
    server = Server([Service()], keepalive=Keepalive(time=60, timeout=20))
    async with trio.open_nursery() as nursery:

        def connect(far: socket.socket) -> None:
            nursery.start_soon(server.serve_socket, far.dup())

        ends = Ends(connect)
        async with open_channel("x:1", open_socket=ends, keepalive=Keepalive(time=30, timeout=10)) as channel:
            assert await unary(channel, OURS + "echo", b"x") == b"x"
            await trio.sleep(24 * 3600)
            assert await unary(channel, OURS + "echo", b"y") == b"y"
            assert channel.connections_made == 1
        ends.close()
        nursery.cancel_scope.cancel()


async def test_the_server_finds_out_silent_clients(autojump_clock: trio.testing.MockClock) -> None:
    service = Service()
    server = Server([service], keepalive=Keepalive(time=60, timeout=20))
    near, far = socket.socketpair()
    with near:
        near.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + SettingsFrame(0).serialize())
        started = trio.current_time()
        await server.serve_socket(far)
        assert 79 < trio.current_time() - started < 82


def test_keepalive_is_checked() -> None:
    with pytest.raises(ValueError, match="at least 8 seconds"):
        Keepalive(time=7.9)
    with pytest.raises(ValueError, match="positive"):
        Keepalive(timeout=0)
    assert Keepalive(time=8).slower().time == 16


@pytest.mark.parametrize("io", ["inline", "thread"])
async def test_unix_sockets(socket_path: str, io: Any) -> None:
    path = socket_path
    async with trio.open_nursery() as nursery:
        assert await nursery.start(partial(serve, [Service()], path=path)) == path
        assert stat.S_IMODE((await trio.Path(path).stat()).st_mode) == 0o600
        async with open_channel(f"unix:{path}", io=io) as channel:
            assert await unary(channel, OURS + "echo", b"x") == b"x"
        with pytest.raises(OSError, match=r"[Aa]ddress already in use"):
            await serve([Service()], path=path)
        nursery.cancel_scope.cancel()
    assert not await trio.Path(path).exists()
    async with open_channel(f"unix:{path}") as channel:
        status, text = await status_of(unary(channel, OURS + "echo"))
        assert (status, "socket file does not exist" in text) == (Status.UNAVAILABLE, True)


async def test_a_stale_unix_socket_is_replaced(socket_path: str) -> None:
    path = socket_path
    with socket.socket(socket.AF_UNIX) as dead:
        dead.bind(path)
    async with trio.open_nursery() as nursery:
        await nursery.start(partial(serve, [Service()], path=path))
        nursery.cancel_scope.cancel()


async def test_tls_on_both_ends(server_context: Any, client_context: Any, tls_files: dict[str, str]) -> None:
    async with serving(Service(), ssl=server_context) as port:
        for address, name in ((f"grpcs://localhost:{port}", None), (f"https://127.0.0.1:{port}", "localhost")):
            async with open_channel(address, ssl=client_context, server_hostname=name) as channel:
                assert await unary(channel, OURS + "size", bytes(10_000_000)) == b"10000000"
                assert len(await unary(channel, OURS + "big", b"10000000")) == 10_000_000
        address = f"grpcs://localhost:{port}"
        async with open_channel(address, ssl=client_context, server_hostname="other.org") as channel:
            status, text = await status_of(unary(channel, OURS + "echo"))
            assert (status, "other.org" in text) == (Status.UNAVAILABLE, True)
        async with open_channel(address) as channel:  # the system does not know this CA
            assert (await status_of(unary(channel, OURS + "echo")))[0] is Status.UNAVAILABLE
    assert not client_tls(ca_file=tls_files["ca"]).verify_flags & ssl.VERIFY_X509_STRICT
    default = ssl.create_default_context().verify_flags
    assert client_tls(ca_file=tls_files["ca"], strict=True).verify_flags == default


async def test_flow_control_between_our_own_ends() -> None:
    """The sender of an unread stream stands still within the window; big requests wait for the window too."""
    service = Service()
    async with (
        serving(service) as port,
        open_channel(f"127.0.0.1:{port}") as channel,
        stream(channel, OURS + "stream_count") as call,
    ):
        await call.send_message(b"3000 100000", end=True)
        assert await call.recv_message()
        sent = -1
        while sent != service.sent:
            sent = service.sent
            await unary(channel, OURS + "size", bytes(6_000_000))
        assert sent * 100_000 < 25_000_000
        assert sum([1 async for _ in call]) == 2999


async def test_the_thread_ends_with_its_channel() -> None:
    def ours() -> list[str]:
        # Others come and go by themselves: Trio's pool, which keeps its threads for some seconds.
        return [thread.name for thread in threading.enumerate() if thread.name == "trio_durable rpc"]

    assert ours() == []
    async with serving(Service()) as port:
        async with open_channel(f"127.0.0.1:{port}", io="thread") as channel:
            assert await unary(channel, OURS + "echo", b"x") == b"x"
            assert len(ours()) == 1
        assert ours() == []


async def test_backpressure_crosses_the_thread() -> None:
    service = Service()
    async with (
        serving(service) as port,
        open_channel(f"127.0.0.1:{port}", io="thread") as channel,
        stream(channel, OURS + "stream_count") as call,
    ):
        await call.send_message(b"3000 100000", end=True)
        assert await call.recv_message()
        sent = -1
        while sent != service.sent:
            sent = service.sent
            await unary(channel, OURS + "sleep", b"0.2")
        assert sent * 100_000 < 25_000_000
        assert sum([1 async for _ in call]) == 2999


async def test_shutdown_between_our_own_ends() -> None:
    """GOAWAY: the unary call in flight ends well, the next one finds nobody."""
    service = Service()
    async with trio.open_nursery() as nursery:
        port = await nursery.start(partial(serve, [service], grace=PATIENCE))
        with trio.CancelScope(shield=True):
            async with open_channel(f"127.0.0.1:{port}") as channel, trio.open_nursery() as calls:
                result: list[bytes] = []

                async def one() -> None:
                    result.append(await unary(channel, OURS + "sleep", b"0.2"))

                calls.start_soon(one)
                await eventually(lambda: service.running == 1)
                nursery.cancel_scope.cancel()
                await eventually(lambda: bool(result))
                await eventually(lambda: channel.active_calls == 0)
                assert (await status_of(unary(channel, OURS + "echo")))[0] is Status.UNAVAILABLE
    assert result == [b"0.2"]


async def test_an_idle_server_stops_at_once(mock_clock: trio.testing.MockClock) -> None:
    """The clock stands still: a server that waited for its grace would wait for ever."""
    async with trio.open_nursery() as nursery:
        port = await nursery.start(partial(serve, [Service()], grace=60))
        async with open_channel(f"127.0.0.1:{port}") as channel:
            await unary(channel, OURS + "echo")
            nursery.cancel_scope.cancel()


async def test_a_thread_that_is_gone_leaves_nobody_waiting() -> None:
    """Calls and waits on a closed threaded channel fail; a stream that waits for its reader ends with the channel."""
    service = Service()
    async with serving(service) as port:
        async with open_channel(f"127.0.0.1:{port}", io="thread") as channel:
            call = stream(channel, OURS + "stream_count")
            await call.send_message(b"3000 100000", end=True)
            assert await call.recv_message()
        with trio.fail_after(PATIENCE):
            assert (await status_of(unary(channel, OURS + "echo")))[0] is Status.CANCELLED
            assert (await status_of(channel.wait_ready()))[0] is Status.CANCELLED

            async def drain() -> None:
                while await call.recv_message():
                    pass

            assert (await status_of(drain()))[0] in (Status.CANCELLED, Status.UNAVAILABLE)


async def test_answers_in_flight_outlive_the_shutdown() -> None:
    """A large answer that the handler has finished still arrives whole, although the server is going down."""
    service = Service()
    async with trio.open_nursery() as nursery:
        port = await nursery.start(partial(serve, [service], grace=PATIENCE))
        with trio.CancelScope(shield=True):
            async with open_channel(f"127.0.0.1:{port}") as channel, trio.open_nursery() as calls:
                sizes: list[int] = []

                async def one() -> None:
                    sizes.append(len(await unary(channel, OURS + "big", b"30000000")))

                calls.start_soon(one)
                await eventually(lambda: service.most == 1)
                nursery.cancel_scope.cancel()
    assert sizes == [30_000_000]


@pytest.mark.parametrize("io", ["inline", "thread"])
@pytest.mark.parametrize("limit", [0, -1])
async def test_a_timeout_that_is_over(io: Any, limit: float) -> None:
    async with serving(Service()) as port, open_channel(f"127.0.0.1:{port}", io=io) as channel:
        status, _ = await status_of(unary(channel, OURS + "sleep", b"1", timeout=limit))
        assert status is Status.DEADLINE_EXCEEDED
