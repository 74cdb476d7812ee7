"""A grpcio client on our server."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import pytest
import trio

from tests.patience import PATIENCE
from tests.rpc.kit import Service, eventually, peer_process, serving
from trio_durable._rpc import serve, server_tls

pytestmark = pytest.mark.peer


@pytest.fixture
def client(peer_python: Callable[[str], Path]) -> Any:
    return partial(peer_process, peer_python("grpcio"), "grpcio_client.py")


UNLIMITED = {"grpc.max_receive_message_length": -1, "grpc.max_send_message_length": -1}


async def test_calls_statuses_metadata(client: Any) -> None:
    async with serving(Service()) as port, client(address=f"127.0.0.1:{port}") as peer:
        assert (await peer.ask(do="unary", method="echo", text="hello"))["ok"] == "hello"
        answer = await peer.ask(do="unary", method="fail", text="ALREADY_EXISTS grün 100 %")
        assert (answer["code"], answer["message"]) == ("ALREADY_EXISTS", "grün 100 %")
        answer = await peer.ask(do="unary", method="broken")
        assert (answer["code"], "the handler broke" in answer["message"]) == ("UNKNOWN", True)
        assert (await peer.ask(do="unary", method="nothing"))["code"] == "UNIMPLEMENTED"
        answer = await peer.ask(do="unary", method="metadata", metadata=[["x-one", "1"], ["x-raw-bin", "00feff"]])
        assert '["x-one", "1"]' in answer["ok"]
        assert '["x-raw-bin", "00feff"]' in answer["ok"]
        assert ["x-initial", "one"] in answer["initial"]
        assert ["x-initial-bin", "00ff"] in answer["initial"]
        assert ["x-trailing", "two"] in answer["trailing"]
        assert ["x-trailing-bin", "010203"] in answer["trailing"]


async def test_streams_and_their_cancellation(client: Any) -> None:
    service = Service()
    async with serving(service) as port, client(address=f"127.0.0.1:{port}") as peer:
        assert (await peer.ask(do="stream", method="stream_count", text="2000 100"))["ok"] == 2000
        answer = await peer.ask(do="stream", method="stream_then_fail")
        assert (answer["taken"], answer["code"], answer["message"]) == (2, "DATA_LOSS", "after two")
        assert (await peer.ask(do="stream", method="stream_forever", take=3))["ok"] == 3
        await eventually(lambda: "stream_forever cancelled" in service.seen)
        await peer.ask(do="unary", method="sleep", text="30", cancel_after=0.2)
        await eventually(lambda: "sleep cancelled" in service.seen and service.running == 0)


async def test_deadlines(client: Any) -> None:
    service = Service()
    async with serving(service) as port, client(address=f"127.0.0.1:{port}") as peer:
        await peer.ask(do="unary", method="echo")
        answer = await peer.ask(do="unary", method="sleep", text="1000", timeout=0.2)
        assert answer["code"] == "DEADLINE_EXCEEDED"
        await eventually(lambda: service.running == 0)
        began = trio.current_time()
        left = float((await peer.ask(do="unary", method="time_left", timeout=8))["ok"])
        assert 8 - (trio.current_time() - began) - 0.01 <= left <= 8.01
        assert (await peer.ask(do="unary", method="time_left"))["ok"] == "none"


async def test_64_mebibytes_both_ways(client: Any) -> None:
    size = 64 * 2**20
    async with serving(Service()) as port, client(address=f"127.0.0.1:{port}", grpc=UNLIMITED) as peer:
        assert (await peer.ask(do="unary", method="size", size=size))["ok"] == str(size)
        assert (await peer.ask(do="unary", method="big", text=str(size)))["ok"] == size


async def test_too_large_is_resource_exhausted(client: Any) -> None:
    async with (
        serving(Service(), max_receive_message_length=1000) as port,
        client(address=f"127.0.0.1:{port}", grpc=UNLIMITED) as peer,
    ):
        answer = await peer.ask(do="unary", method="size", size=50_000_000)
        assert answer["code"] == "RESOURCE_EXHAUSTED"
        assert "max_receive_message_length=1000" in answer["message"]
        assert (await peer.ask(do="unary", method="size", size=1000))["ok"] == "1000"


async def test_a_thousand_calls_at_once(client: Any) -> None:
    async with serving(Service()) as port, client(address=f"127.0.0.1:{port}") as peer:
        answer = await peer.ask(do="unary", method="echo", text="x", count=1000)
        assert answer["tally"] == {"OK": 1000}


async def test_max_concurrent_streams_hold(client: Any) -> None:
    service = Service()
    async with serving(service, max_concurrent_streams=10) as port, client(address=f"127.0.0.1:{port}") as peer:
        answer = await peer.ask(do="unary", method="sleep", text="0.03", count=100)
        assert answer["tally"] == {"OK": 100}
        assert service.most <= 10


async def test_a_slow_reader_stops_the_stream_and_nobody_else(client: Any) -> None:
    service = Service()
    async with (
        serving(service) as port,
        client(address=f"127.0.0.1:{port}") as slow,
        client(address=f"127.0.0.1:{port}") as peer,
    ):
        await slow.tell(do="stream", method="stream_count", text="30000 10000", pause=10, take=1)
        await eventually(lambda: getattr(service, "sent", 0) > 0)
        sent = -1
        while sent != service.sent:  # until it stands still
            sent = service.sent
            await peer.ask(do="unary", method="sleep", text="0.3")
        assert sent * 10000 < 20_000_000


async def test_shutting_down(client: Any) -> None:
    """Unary calls in flight finish within the grace, streams end as UNAVAILABLE, new calls find nobody."""
    service = Service()
    async with trio.open_nursery() as nursery:
        port = await nursery.start(partial(serve, [service], grace=PATIENCE))
        async with client(address=f"127.0.0.1:{port}") as peer, client(address=f"127.0.0.1:{port}") as streaming:
            await peer.tell(do="unary", method="sleep", text="0.5")
            await streaming.tell(do="stream", method="stream_forever")
            await eventually(lambda: {"sleep started", "stream started"} <= set(service.seen))
            nursery.cancel_scope.cancel()
            with trio.fail_after(PATIENCE / 2, shield=True):  # nobody waits for the grace to be over
                assert (await peer.answer())["ok"] == "0.5"
                answer = await streaming.answer()
                assert (answer["code"], "shutting down" in answer["message"]) == ("UNAVAILABLE", True)


async def test_grace_has_an_end(client: Any) -> None:
    service = Service()
    async with trio.open_nursery() as nursery:
        port = await nursery.start(partial(serve, [service], grace=0.2))
        async with client(address=f"127.0.0.1:{port}") as peer:
            await peer.tell(do="unary", method="sleep", text="30")
            await eventually(lambda: "sleep started" in service.seen)
            nursery.cancel_scope.cancel()
            with trio.CancelScope(shield=True):
                answer = await peer.answer()
                assert (answer["code"], "shutting down" in answer["message"]) == ("UNAVAILABLE", True)
    assert service.running == 0


async def test_tls_and_mutual_tls(client: Any, tls_files: dict[str, str], server_context: Any) -> None:
    async with serving(Service(), ssl=server_context) as port:
        async with client(address=f"localhost:{port}", ca=tls_files["ca"]) as peer:
            assert (await peer.ask(do="unary", method="size", size=300_000))["ok"] == "300000"
        async with client(address=f"localhost:{port}", ca=tls_files["other"]) as peer:
            assert (await peer.ask(do="unary", method="echo", timeout=PATIENCE))["code"] == "UNAVAILABLE"
    mutual = server_tls(tls_files["server"], tls_files["server_key"], client_ca_file=tls_files["ca"])
    async with serving(Service(), ssl=mutual) as port:
        own = {"cert": tls_files["client"], "key": tls_files["client_key"]}
        async with client(address=f"localhost:{port}", ca=tls_files["ca"], **own) as peer:
            assert (await peer.ask(do="unary", method="echo", text="me"))["ok"] == "me"
        async with client(address=f"localhost:{port}", ca=tls_files["ca"]) as peer:
            assert (await peer.ask(do="unary", method="echo", timeout=PATIENCE))["code"] == "UNAVAILABLE"


async def test_a_client_that_is_killed(client: Any) -> None:
    service = Service()
    async with serving(service) as port:
        async with client(address=f"127.0.0.1:{port}") as peer:
            await peer.tell(do="unary", method="sleep", text="30")
            await eventually(lambda: "sleep started" in service.seen)
            peer.process.kill()
            await eventually(lambda: "sleep cancelled" in service.seen and service.running == 0)
        async with client(address=f"127.0.0.1:{port}") as peer:
            assert (await peer.ask(do="unary", method="echo", text="next"))["ok"] == "next"
