"""Our client on a grpcio server."""

# ruff: noqa: PT012 the block that fails is an `async with`

from __future__ import annotations

import json
import signal
import socket
import time
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio
import trio.testing
from grpclib.const import Cardinality, Status
from grpclib.exceptions import GRPCError

from tests.loopback import held_port
from tests.patience import PATIENCE
from tests.rpc.kit import PEER, PeerProcess, eventually, peer_process, status_of, stream, time_left, unary
from trio_durable._rpc import Keepalive, client_tls, open_channel

pytestmark = pytest.mark.peer

Python = Callable[[str], Path]


@pytest.fixture
def server(peer_python: Python) -> Any:
    return partial(peer_process, peer_python("grpcio"), "grpcio_server.py")


def at(peer: PeerProcess, scheme: str = "grpc") -> str:
    return f"{scheme}://127.0.0.1:{peer.hello['port']}"


async def test_calls_statuses_metadata(server: Any) -> None:
    async with server() as peer, open_channel(at(peer)) as channel:
        assert await unary(channel, PEER + "Echo", b"hello") == b"hello"
        assert await status_of(unary(channel, PEER + "Fail", "NOT_FOUND grün\n%".encode())) == (
            Status.NOT_FOUND,
            "grün\n%",
        )
        status, text = await status_of(unary(channel, PEER + "Raise"))
        assert (status, "the handler broke" in text) == (Status.UNKNOWN, True)
        assert (await status_of(unary(channel, PEER + "Nothing")))[0] is Status.UNIMPLEMENTED
        async with channel.request(
            PEER + "Metadata",
            Cardinality.UNARY_UNARY,
            bytes,
            bytes,
            metadata={"x-one": "1", "x-raw-bin": b"\x00\xfe\xff"},
        ) as call:
            await call.send_message(b"", end=True)
            seen = json.loads(await call.recv_message())
        assert ["x-one", "1"] in seen
        assert ["x-raw-bin", "00feff"] in seen
        assert dict(call.initial_metadata) == {"x-initial": "one", "x-initial-bin": b"\x00\xff"}
        assert dict(call.trailing_metadata) == {"x-trailing": "two", "x-trailing-bin": b"\x01\x02\x03"}


async def test_streams(server: Any) -> None:
    async with server() as peer, open_channel(at(peer)) as channel:
        async with stream(channel, PEER + "StreamCount") as call:
            await call.send_message(b"2000 10", end=True)
            assert [int(message) async for message in call] == list(range(2000))
        got = []
        with pytest.raises(GRPCError) as caught:
            async with stream(channel, PEER + "StreamThenFail") as call:
                await call.send_message(b"", end=True)
                async for message in call:
                    got.append(message)
        assert (got, caught.value.status, caught.value.message) == ([b"1", b"2"], Status.DATA_LOSS, "after two")


async def test_the_peer_sees_cancellation(server: Any) -> None:
    async with server() as peer, open_channel(at(peer)) as channel:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(unary, channel, PEER + "Sleep", b"30")
                await peer.events_until("sleep started")
                scope.cancel()
        await peer.events_until("sleep cancelled")
        async with stream(channel, PEER + "StreamForever") as call:
            await call.send_message(b"", end=True)
            assert await call.recv_message() == b"0"
        await peer.events_until("stream cancelled")
        assert channel.active_calls == 0
        assert await unary(channel, PEER + "Echo", b"again") == b"again"


async def test_deadlines(server: Any) -> None:
    async with server() as peer, open_channel(at(peer)) as channel:
        assert await unary(channel, PEER + "TimeLeft") == b"none"
        await time_left(channel, PEER + "TimeLeft", 8, timeout=8)
        with trio.move_on_after(100):
            await time_left(channel, PEER + "TimeLeft", 100)
        for _ in range(5):
            assert (await status_of(unary(channel, PEER + "Sleep", b"30", timeout=0.1)))[0] is Status.DEADLINE_EXCEEDED
            with trio.move_on_after(0.1) as scope:
                await unary(channel, PEER + "Sleep", b"30")
            assert scope.cancelled_caught


async def test_64_mebibytes_both_ways(server: Any) -> None:
    size = 64 * 2**20
    async with (
        server(grpc={"grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1}) as peer,
        open_channel(at(peer)) as channel,
    ):
        assert await unary(channel, PEER + "Size", bytes(size)) == str(size).encode()
        assert len(await unary(channel, PEER + "Big", str(size).encode())) == size


async def test_too_large_is_refused_before_it_is_buffered(server: Any) -> None:
    async with server() as peer:
        async with open_channel(at(peer), max_receive_message_length=1000, max_send_message_length=2000) as channel:
            status, text = await status_of(unary(channel, PEER + "Big", b"3000000"))
            assert (status, "max_receive_message_length=1000" in text) == (Status.RESOURCE_EXHAUSTED, True)
            assert (await status_of(unary(channel, PEER + "Echo", bytes(2001))))[0] is Status.RESOURCE_EXHAUSTED
            assert await unary(channel, PEER + "Echo", bytes(1000)) == bytes(1000)
        async with open_channel(at(peer)) as channel:  # and the peer's own limit, 4 MiB, is its status
            assert (await status_of(unary(channel, PEER + "Size", bytes(5 * 2**20))))[0] is Status.RESOURCE_EXHAUSTED


async def test_a_thousand_calls_at_once(server: Any) -> None:
    async with server() as peer, open_channel(at(peer)) as channel:
        replies = set()

        async def one(number: int) -> None:
            replies.add(int(await unary(channel, PEER + "Echo", str(number).encode())))

        async with trio.open_nursery() as nursery:
            for number in range(1000):
                nursery.start_soon(one, number)
        assert replies == set(range(1000))
        assert channel.connections_made == 1


async def test_max_concurrent_streams_are_queued_for(server: Any) -> None:
    """64 calls at the moment of connecting, on a server that allows ten: none fails, and they run ten at a time."""
    async with server(grpc={"grpc.max_concurrent_streams": 10}) as peer, open_channel(at(peer)) as channel:
        done = 0

        async def one() -> None:
            nonlocal done
            await unary(channel, PEER + "Sleep", b"0.05")
            done += 1

        async with trio.open_nursery() as nursery:
            for _ in range(64):
                nursery.start_soon(one)
        assert done == 64
        assert (await peer.ask(do="most"))["most"] == 10
        assert channel.connections_made == 1


async def test_a_waiter_for_a_slot_can_be_cancelled(server: Any) -> None:
    async with (
        server(grpc={"grpc.max_concurrent_streams": 1}) as peer,
        open_channel(at(peer)) as channel,
        trio.open_nursery() as nursery,
    ):
        holding = trio.CancelScope()

        async def hold() -> None:
            with holding:
                await unary(channel, PEER + "Sleep", b"1000")

        nursery.start_soon(hold)
        await peer.events_until("sleep started")
        with trio.move_on_after(0.05) as scope:
            await unary(channel, PEER + "Echo", b"")
        assert scope.cancelled_caught
        assert (await status_of(unary(channel, PEER + "Echo", b"", timeout=0.05)))[0] is Status.DEADLINE_EXCEEDED
        holding.cancel()
        assert await unary(channel, PEER + "Echo", b"in turn") == b"in turn"


async def test_500_cancelled_calls_leave_no_streams(server: Any) -> None:
    async with server() as peer, open_channel(at(peer)) as channel:
        await unary(channel, PEER + "Echo")
        for _ in range(5):
            with trio.move_on_after(0.05):
                async with trio.open_nursery() as nursery:
                    for _ in range(100):
                        nursery.start_soon(unary, channel, PEER + "Sleep", b"30")
        assert channel.active_calls == 0
        assert await unary(channel, PEER + "Echo", b"x") == b"x"
        assert channel.connections_made == 1


async def test_graceful_goaway_costs_no_call(server: Any) -> None:
    """Callers that go on for several lives of a connection, each ended by GOAWAY, see no failure."""
    options = {"grpc.max_connection_age_ms": 400, "grpc.max_connection_age_grace_ms": 60_000}
    async with server(grpc=options) as peer, open_channel(at(peer)) as channel:
        calls = 0

        async def caller(slow: bool) -> None:
            nonlocal calls
            while calls < 200 or channel.connections_made < 4:
                if slow:  # in flight over a GOAWAY
                    await unary(channel, PEER + "Sleep", b"0.6")
                else:
                    await unary(channel, PEER + "Echo", b"x")
                calls += 1

        async with trio.open_nursery() as nursery:
            for number in range(16):
                nursery.start_soon(caller, number % 4 == 0)


async def test_a_server_that_is_killed(server: Any) -> None:
    async with trio.open_nursery() as nursery, server() as peer, open_channel(at(peer)) as channel:
        outcomes: list[Any] = []

        async def doomed() -> None:
            outcomes.append(await status_of(unary(channel, PEER + "Sleep", b"30")))

        async def doomed_stream() -> None:
            with pytest.raises(GRPCError) as caught:
                async with stream(channel, PEER + "StreamForever") as call:
                    await call.send_message(b"", end=True)
                    async for _ in call:
                        pass
            outcomes.append((caught.value.status, caught.value.message))

        nursery.start_soon(doomed)
        nursery.start_soon(doomed_stream)
        await peer.events_until("sleep started")
        peer.process.send_signal(signal.SIGKILL)
        await eventually(lambda: len(outcomes) == 2)
        assert {status for status, _ in outcomes} == {Status.UNAVAILABLE}
        assert all(at(peer)[7:] in text for _, text in outcomes)
        await peer.process.wait()  # its connections may go before the socket that it listens on
        status, text = await status_of(unary(channel, PEER + "Echo"))
        assert (status, "nothing listens there" in text) == (Status.UNAVAILABLE, True)


async def test_reconnects_when_the_server_is_back(server: Any) -> None:
    with held_port(socket.SO_REUSEPORT) as port:  # which grpcio says of its own
        address = f"127.0.0.1:{port}"
        async with server(address=address) as peer, open_channel(address, wait_for_ready=True) as channel:
            assert await unary(channel, PEER + "Echo", b"1") == b"1"
            await peer.ask(do="stop", grace=0)
            peer.process.kill()
            await peer.process.wait()
            async with server(address=address):
                with trio.fail_after(PATIENCE):
                    assert await unary(channel, PEER + "Echo", b"2") == b"2"
            assert channel.connections_made == 2


async def test_flow_control_bounds_what_is_held(server: Any) -> None:
    """The server of a stream of 300 MB stands still while its reader does, and a slow reader blocks nobody else."""
    async with server() as peer, open_channel(at(peer)) as channel, stream(channel, PEER + "StreamCount") as call:
        await call.send_message(b"30000 10000", end=True)
        assert await call.recv_message() is not None
        sent = -1
        while True:  # until the peer makes no progress any more
            with trio.fail_after(PATIENCE):
                seen = [event for event in (await peer.ask(do="events"))["events"] if isinstance(event, int)]
            if not seen and sent >= 0:
                break
            sent = max([sent, *seen])
            await trio.sleep(0.3)
        assert sent * 10000 < 20_000_000
        assert len(await unary(channel, PEER + "Big", b"8000000")) == 8_000_000
        assert sum([1 async for _ in call]) == 29999


async def test_tls(server: Any, tls_files: dict[str, str], client_context: Any) -> None:
    pair = {"key": tls_files["server_key"], "cert": tls_files["server"]}
    async with server(**pair) as peer:
        async with open_channel(at(peer, "grpcs"), ssl=client_context) as channel:
            assert await unary(channel, PEER + "Echo", bytes(300_000)) == bytes(300_000)
        async with open_channel(at(peer, "https"), ssl=client_tls(ca_file=tls_files["other"])) as channel:
            status, text = await status_of(unary(channel, PEER + "Echo"))
            assert (status, "certificate refused" in text, "ca_file" in text) == (Status.UNAVAILABLE, True, True)
        async with open_channel(at(peer)) as channel:  # plain text on a TLS port
            assert (await status_of(unary(channel, PEER + "Echo")))[0] is Status.UNAVAILABLE
    async with server() as peer, open_channel(at(peer, "grpcs"), ssl=client_context) as channel:
        status, text = await status_of(unary(channel, PEER + "Echo"))
        assert (status, "plain text" in text or "does not speak TLS" in text) == (Status.UNAVAILABLE, True)


async def test_mutual_tls(server: Any, tls_files: dict[str, str], client_context: Any) -> None:
    files = {"key": tls_files["server_key"], "cert": tls_files["server"], "ca": tls_files["ca"]}
    async with server(**files) as peer:
        own = client_tls(ca_file=tls_files["ca"], cert_file=tls_files["client"], key_file=tls_files["client_key"])
        async with open_channel(at(peer, "grpcs"), ssl=own) as channel:
            assert await unary(channel, PEER + "Echo", b"me") == b"me"
        async with open_channel(at(peer, "grpcs"), ssl=client_context) as channel:
            assert (await status_of(unary(channel, PEER + "Echo")))[0] is Status.UNAVAILABLE


async def test_keepalive_is_accepted_and_pings_are_answered(server: Any) -> None:
    """Both sides ping an idle connection often; it lives."""
    options = {
        "grpc.keepalive_time_ms": 100,
        "grpc.keepalive_timeout_ms": 100_000,
        "grpc.keepalive_permit_without_calls": 1,
        "grpc.http2.min_recv_ping_interval_without_data_ms": 10,
        "grpc.http2.max_pings_without_data": 0,
        "grpc.http2.max_ping_strikes": 0,
    }
    keepalive = Keepalive(time=0.1, timeout=PATIENCE, unchecked=True)
    async with server(grpc=options) as peer, open_channel(at(peer), keepalive=keepalive) as channel:
        async with stream(channel, PEER + "Sleep") as call:
            await call.send_message(b"1.2", end=True)
            assert await call.recv_message() == b"1.2"
        assert channel.connections_made == 1


async def test_a_silent_peer_is_found_out(server: Any, mock_clock: trio.testing.MockClock) -> None:
    """SIGSTOP: the connection stands, nothing comes. Our clock goes on only when we say so."""
    async with server() as peer, open_channel(at(peer), keepalive=Keepalive(time=30, timeout=10)) as channel:
        assert await unary(channel, PEER + "Echo", b"x") == b"x"
        peer.process.send_signal(signal.SIGSTOP)
        outcome: list[tuple[Status, str]] = []

        async def call() -> None:
            outcome.append(await status_of(unary(channel, PEER + "Echo")))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(call)
            for passed in (29, 1, 9):
                await trio.testing.wait_all_tasks_blocked()
                assert outcome == []
                mock_clock.jump(passed)
            await trio.testing.wait_all_tasks_blocked()
            assert outcome == []
            mock_clock.jump(1)
        status, text = outcome[0]
        assert (status, "keepalive" in text) == (Status.UNAVAILABLE, True)


async def test_too_many_pings_are_heard(server: Any, caplog: pytest.LogCaptureFixture) -> None:
    """grpcio allows two PINGs in five minutes without data, then says GOAWAY too_many_pings."""
    keepalive = Keepalive(time=0.05, timeout=PATIENCE, unchecked=True)
    async with server() as peer, open_channel(at(peer), keepalive=keepalive) as channel:
        status, text = await status_of(unary(channel, PEER + "Sleep", b"1000"))
        assert status is Status.UNAVAILABLE
        assert "too_many_pings" in text
        assert "Keepalive(time" in caplog.text


@pytest.mark.parametrize("io", ["inline", "thread"])
async def test_a_blocked_program(server: Any, io: Any) -> None:
    """The server pings and wants its answer in time, our thread is blocked: only the thread of its own survives."""
    options = {
        "grpc.keepalive_time_ms": 1000,
        "grpc.keepalive_timeout_ms": 3000,
        "grpc.http2.ping_timeout_ms": 3000,
        "grpc.keepalive_permit_without_calls": 1,
        "grpc.http2.max_pings_without_data": 0,
    }
    async with server(grpc=options) as peer, open_channel(at(peer), io=io) as channel:
        failed: list[Any] = []
        async with trio.open_nursery() as nursery:

            async def watch() -> None:
                try:
                    async with stream(channel, PEER + "StreamForever") as call:
                        await call.send_message(b"", end=True)
                        async for _ in call:
                            pass
                except GRPCError as error:
                    failed.append(error.status)

            nursery.start_soon(watch)
            await peer.events_until("stream started")
            time.sleep(6)  # noqa: ASYNC251 the program under test blocks
            if io == "inline":
                await eventually(lambda: failed)
            nursery.cancel_scope.cancel()
        assert await unary(channel, PEER + "Echo", b"y") == b"y"
        assert failed == ([] if io == "thread" else [Status.UNAVAILABLE])
        assert channel.connections_made == (1 if io == "thread" else 2)


async def test_unix_socket(server: Any, socket_path: str) -> None:
    address = f"unix:{socket_path}"
    async with server(address=address), open_channel(address) as channel:
        assert await unary(channel, PEER + "Echo", b"x") == b"x"


async def test_a_connection_reset_in_a_message(server: Any) -> None:
    """A relay that cuts the connection with RST in the middle of a large reply."""
    async with server() as peer:
        listener = socket.socket()
        listener.bind(("127.0.0.1", 0))
        listener.listen(1)
        with listener:
            async with trio.open_nursery() as nursery:

                async def relay() -> None:
                    with trio.socket.from_stdlib_socket(listener.dup()) as door:
                        accepted, _ = await door.accept()
                    onward = await trio.open_tcp_stream("127.0.0.1", peer.hello["port"])
                    back = trio.SocketStream(accepted)
                    passed = 0

                    async def up() -> None:
                        async for data in back:
                            await onward.send_all(data)

                    async with trio.open_nursery() as inner, onward:
                        inner.start_soon(up)
                        async for data in onward:
                            await back.send_all(data)
                            passed += len(data)
                            if passed > 500_000:
                                break
                        accepted.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")
                        inner.cancel_scope.cancel()
                    accepted.close()

                listener.setblocking(False)
                nursery.start_soon(relay)
                async with open_channel(f"127.0.0.1:{listener.getsockname()[1]}") as channel:
                    status, text = await status_of(unary(channel, PEER + "Big", b"3000000"))
                assert (status, "connection was lost" in text) == (Status.UNAVAILABLE, True)
