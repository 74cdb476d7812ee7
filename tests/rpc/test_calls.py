"""Our client on our server: calls, statuses, metadata, deadlines, cancellation."""

# ruff: noqa: PT012 the block that fails is an `async with`

from __future__ import annotations

import asyncio
import json
import logging
import math
from collections.abc import Callable
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from functools import partial
from typing import Any

import grpclib.client
import pytest
import trio
import trio.testing
import trio_durable_proto as pb
from grpclib.const import Cardinality, Handler, Status
from grpclib.events import SendRequest, listen
from grpclib.exceptions import GRPCError
from trio_durable_proto.codec import GrpcCodec

from tests.patience import PATIENCE
from tests.rpc.kit import OURS, Service, eventually, serving, status_of, stream, time_left, unary
from trio_durable._rpc import EncodeError, MemoryChannel, current_call, open_channel

KINDS = ["inline", "thread", "memory"]


@pytest.fixture(params=KINDS)
def joined(request: pytest.FixtureRequest) -> Callable[..., AbstractAsyncContextManager[Any]]:
    """A channel to a service: over TCP, over TCP from a thread, in memory."""

    @asynccontextmanager
    async def join(service: Any, **options: Any) -> Any:
        if request.param == "memory":
            yield MemoryChannel([service], **options)
        else:
            async with (
                serving(service) as port,
                open_channel(f"127.0.0.1:{port}", io=request.param, **options) as channel,
            ):
                yield channel

    return join


async def test_unary(joined: Any) -> None:
    async with joined(Service()) as channel:
        assert await unary(channel, OURS + "echo", b"hello") == b"hello"
        assert await unary(channel, OURS + "echo", b"") == b""


async def test_what_has_no_bytes_is_not_sent(joined: Any) -> None:
    class Codec(GrpcCodec):
        def encode(self, message: Any, message_type: Any) -> bytes:
            if message == "odd":
                raise EncodeError("it is odd")
            return bytes(super().encode(message, message_type))

    service = Service()
    async with joined(service, codec=Codec()) as channel:
        with pytest.raises(EncodeError, match="it is odd"):
            await unary(channel, OURS + "echo", "odd")  # type: ignore[arg-type]
        assert await unary(channel, OURS + "echo", b"even") == b"even"
    assert service.seen == []


async def test_the_room_refuses_asyncio_loops() -> None:
    """The fixture that forbids loops works: without it the other tests would prove nothing."""
    with pytest.raises(AssertionError, match="event loop"):
        grpclib.client.Channel()
    with pytest.raises(AssertionError, match="event loop"):
        asyncio.new_event_loop()


async def test_server_streaming(joined: Any) -> None:
    async with joined(Service()) as channel, stream(channel, OURS + "stream_count") as call:
        await call.send_message(b"1000 1", end=True)
        assert [int(message) async for message in call] == list(range(1000))


@pytest.mark.parametrize("status", [status for status in Status if status is not Status.OK])
async def test_every_status_arrives_with_its_message(status: Status) -> None:
    text = "grün, 100 % and a\nnewline"
    async with serving(Service()) as port, open_channel(f"127.0.0.1:{port}") as channel:
        assert await status_of(unary(channel, OURS + "fail", f"{status.name} {text}".encode())) == (status, text)


async def test_failures_of_handlers(joined: Any, caplog: pytest.LogCaptureFixture) -> None:
    async with joined(Service()) as channel:
        with caplog.at_level(logging.ERROR, "trio_durable.rpc"):
            status, text = await status_of(unary(channel, OURS + "broken"))
        assert status is Status.UNKNOWN
        assert "RuntimeError: the handler broke" in text
        assert "broken raised" in caplog.text
        assert "Traceback" in caplog.text
        status, text = await status_of(unary(channel, OURS + "silent"))
        assert (status, "without an answer" in text) == (Status.UNKNOWN, True)
        status, text = await status_of(unary(channel, OURS + "nowhere"))
        assert (status, "nowhere" in text) == (Status.UNIMPLEMENTED, True)
        assert await unary(channel, OURS + "echo", b"still there") == b"still there"


async def test_a_stream_that_fails_gives_its_messages_first(joined: Any) -> None:
    async with joined(Service()) as channel:
        got = []
        with pytest.raises(GRPCError) as caught:
            async with stream(channel, OURS + "stream_then_fail") as call:
                await call.send_message(b"", end=True)
                async for message in call:
                    got.append(message)
        assert got == [b"1", b"2"]
        assert (caught.value.status, caught.value.message) == (Status.DATA_LOSS, "after two")


async def test_metadata_both_ways(joined: Any) -> None:
    async with joined(Service(), metadata={"x-always": "yes"}) as channel:
        async with channel.request(
            OURS + "metadata",
            Cardinality.UNARY_UNARY,
            bytes,
            bytes,
            metadata=[("x-one", "1"), ("x-raw-bin", b"\x00\xfe")],
        ) as call:
            await call.send_message(b"", end=True)
            seen = json.loads(await call.recv_message())
            await call.recv_trailing_metadata()
        assert [pair for pair in seen if pair[0].startswith("x-")] == [
            ["x-always", "yes"],
            ["x-one", "1"],
            ["x-raw-bin", "00fe"],
        ]
        assert dict(call.initial_metadata) == {"x-initial": "one", "x-initial-bin": b"\x00\xff"}
        assert dict(call.trailing_metadata) == {"x-trailing": "two", "x-trailing-bin": b"\x01\x02\x03"}


async def test_interceptors_of_grpclib_work() -> None:
    async def add(event: SendRequest) -> None:
        event.metadata["x-token"] = "secret"

    async with serving(Service()) as port:
        for io in ("inline", "thread"):
            async with open_channel(f"127.0.0.1:{port}", io=io) as channel:  # type: ignore[arg-type]
                listen(channel, SendRequest, add)
                async with channel.request(OURS + "metadata", Cardinality.UNARY_UNARY, bytes, bytes) as call:
                    await call.send_message(b"", end=True)
                    assert ["x-token", "secret"] in json.loads(await call.recv_message())


async def test_explicit_timeout_is_deadline_exceeded(joined: Any) -> None:
    service = Service()
    async with joined(service) as channel:
        await unary(channel, OURS + "echo")
        started = trio.current_time()
        status, text = await status_of(unary(channel, OURS + "sleep", b"1000", timeout=0.2))
        assert status is Status.DEADLINE_EXCEEDED
        assert "timeout" in text
        assert trio.current_time() - started >= 0.2
        await eventually(lambda: "sleep cancelled" in service.seen or "sleep started" not in service.seen)


async def test_a_timeout_is_over_to_the_moment(autojump_clock: trio.testing.MockClock) -> None:
    channel = MemoryChannel([Service()])
    started = trio.current_time()
    assert (await status_of(unary(channel, OURS + "sleep", b"1000", timeout=7)))[0] is Status.DEADLINE_EXCEEDED
    assert trio.current_time() - started == pytest.approx(7)


async def test_timeout_inside_a_stream(joined: Any) -> None:
    async with joined(Service()) as channel:
        with pytest.raises(GRPCError) as caught:
            async with stream(channel, OURS + "stream_forever", timeout=0.2) as call:
                await call.send_message(b"", end=True)
                async for _ in call:
                    pass
        assert caught.value.status is Status.DEADLINE_EXCEEDED


@pytest.mark.parametrize("seconds", [0.05, 0.2])
async def test_expiry_of_a_scope_stays_the_scopes(joined: Any, seconds: float) -> None:
    """Although the deadline is sent along, and the server may give up a moment before us."""
    async with joined(Service()) as channel:
        await unary(channel, OURS + "echo")
        for _ in range(5):
            with trio.move_on_after(seconds) as scope:
                await unary(channel, OURS + "sleep", b"30")
            assert scope.cancelled_caught


async def test_deadlines_of_scopes_are_sent(joined: Any) -> None:
    async with joined(Service()) as channel:
        with trio.move_on_after(50):
            if not isinstance(channel, MemoryChannel):
                await time_left(channel, OURS + "time_left", 50)
            await time_left(channel, OURS + "time_left", 8, timeout=8)
        assert await unary(channel, OURS + "time_left") == b"none"


async def test_cancelling_resets_the_stream(joined: Any) -> None:
    service = Service()
    async with joined(service) as channel:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(unary, channel, OURS + "sleep", b"30")
                await eventually(lambda: "sleep started" in service.seen)
                scope.cancel()
        await eventually(lambda: "sleep cancelled" in service.seen)
        await eventually(lambda: channel.active_calls == 0)
        assert await unary(channel, OURS + "echo", b"x") == b"x"


async def test_leaving_a_stream_early_cancels_it(joined: Any) -> None:
    service = Service()
    async with joined(service) as channel:
        with trio.fail_after(PATIENCE):
            async with stream(channel, OURS + "stream_forever") as call:
                await call.send_message(b"", end=True)
                async for message in call:
                    if message == b"3":
                        break
        await eventually(lambda: "stream_forever cancelled" in service.seen)
        await eventually(lambda: channel.active_calls == 0)


async def test_500_cancelled_calls_leave_nothing(joined: Any) -> None:
    service = Service()
    async with joined(service) as channel:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as nursery:
                for _ in range(500):
                    nursery.start_soon(unary, channel, OURS + "sleep", b"30")
                await eventually(lambda: service.running == 500)
                scope.cancel()
        await eventually(lambda: channel.active_calls == 0 and service.running == 0)
        assert await unary(channel, OURS + "echo", b"x") == b"x"


async def test_a_thousand_calls_at_once() -> None:
    service = Service()
    async with serving(service) as port, open_channel(f"127.0.0.1:{port}") as channel:
        replies: dict[int, bytes] = {}

        async def one(number: int) -> None:
            replies[number] = await unary(channel, OURS + "echo", str(number).encode())

        async with trio.open_nursery() as nursery:
            for number in range(1000):
                nursery.start_soon(one, number)
        assert replies == {number: str(number).encode() for number in range(1000)}
        assert channel.connections_made == 1


async def test_a_call_that_starts_cancelled_sends_nothing() -> None:
    service = Service()
    async with serving(service) as port, open_channel(f"127.0.0.1:{port}") as channel:
        with trio.CancelScope() as scope:
            scope.cancel()
            await unary(channel, OURS + "sleep", b"0")
        assert scope.cancelled_caught
        assert (channel.connections_made, service.seen) == (0, [])


async def test_a_fast_stream_gives_way_to_others() -> None:
    """The reader of a stream that never runs dry lets other tasks run, and hears of its cancellation."""
    async with serving(Service()) as port, open_channel(f"127.0.0.1:{port}") as channel:
        ticks = 0

        async def tick() -> None:
            nonlocal ticks
            while True:
                ticks += 1
                await trio.lowlevel.checkpoint()

        async with trio.open_nursery() as nursery:
            nursery.start_soon(tick)
            async with stream(channel, OURS + "stream_count") as call:
                await call.send_message(b"5000 1", end=True)
                assert len([message async for message in call]) == 5000
            nursery.cancel_scope.cancel()
        assert ticks > 100


class Sidecar(pb.TaskHubSidecarServiceBase):
    """betterproto's own spelling."""

    def __init__(self) -> None:
        self.log: list[str] = []

    async def start_instance(self, message: Any) -> Any:
        self.log.append(str(current_call().metadata.get("dapr-api-token")))
        return pb.CreateInstanceResponse(instance_id=message.instance_id)

    async def get_work_items(self, message: Any) -> Any:
        task = trio.lowlevel.current_task()
        try:
            yield pb.WorkItem(completion_token="typed")
            yield bytes(pb.WorkItem(completion_token="raw"))
            while True:
                yield pb.WorkItem(completion_token="more")
        finally:
            self.log.append("closed in its task" if trio.lowlevel.current_task() is task else "closed elsewhere")


async def test_betterproto_stubs_and_bases(joined: Any) -> None:
    sidecar = Sidecar()
    async with joined(sidecar, metadata={"dapr-api-token": "t"}) as channel:
        stub = pb.TaskHubSidecarServiceStub(channel)
        reply = await stub.start_instance(pb.CreateInstanceRequest(instance_id="abc"))
        assert reply.instance_id == "abc"
        assert sidecar.log == ["t"]
        path = "/TaskHubSidecarService/GetWorkItems"
        async with channel.request(path, Cardinality.UNARY_STREAM, pb.GetWorkItemsRequest, pb.WorkItem) as call:
            await call.send_message(pb.GetWorkItemsRequest(), end=True)
            assert [(await call.recv_message()).completion_token for _ in range(3)] == ["typed", "raw", "more"]
        await eventually(lambda: len(sidecar.log) == 2)
        assert sidecar.log[1] == "closed in its task"
        async with channel.request(path, Cardinality.UNARY_STREAM, pb.GetWorkItemsRequest, bytes) as call:
            await call.send_message(pb.GetWorkItemsRequest(), end=True)
            assert await call.recv_message() == bytes(pb.WorkItem(completion_token="typed"))


async def test_a_streaming_handler_without_yield_is_heard(joined: Any) -> None:
    class Refusing(pb.TaskHubSidecarServiceBase):
        async def get_work_items(self, message: Any) -> None:
            raise GRPCError(Status.FAILED_PRECONDITION, "not now")

    async with joined(Refusing()) as channel:
        stub = pb.TaskHubSidecarServiceStub(channel)
        with pytest.raises(GRPCError, match="not now"):
            async for _ in stub.get_work_items(pb.GetWorkItemsRequest()):
                pass


async def test_malformed_messages_are_internal() -> None:
    """Either side's: a reply that cannot be decoded, a request that cannot."""

    class Garbled:
        async def garbled(self, stream: Any) -> None:
            await stream.recv_message()
            await stream.send_message(b"\xff\xff\xff")

        def __mapping__(self) -> Any:
            return {
                OURS + "garbled": Handler(self.garbled, Cardinality.UNARY_UNARY, bytes, pb.WorkItem),
                OURS + "strict": Handler(self.garbled, Cardinality.UNARY_UNARY, pb.WorkItem, bytes),
            }

    async with serving(Garbled()) as port, open_channel(f"127.0.0.1:{port}") as channel:
        with pytest.raises(GRPCError) as caught:
            async with channel.request(OURS + "garbled", Cardinality.UNARY_UNARY, bytes, pb.WorkItem) as call:
                await call.send_message(b"", end=True)
                await call.recv_message()
        assert caught.value.status is Status.INTERNAL
        assert "WorkItem" in (caught.value.message or "")
        status, text = await status_of(unary(channel, OURS + "strict", b"\xff\xff\xff"))
        assert (status, "WorkItem" in text) == (Status.INTERNAL, True)


async def test_exceptions_leave_open_channel_bare() -> None:
    with pytest.raises(KeyError, match="mine"):
        async with open_channel("127.0.0.1:1"):
            raise KeyError("mine")
    with pytest.raises(KeyError, match="mine"):
        async with open_channel("127.0.0.1:1", io="thread"):
            raise KeyError("mine")
    with trio.move_on_after(0.01) as scope:
        async with open_channel("127.0.0.1:1"):
            await trio.sleep(math.inf)
    assert scope.cancelled_caught


async def test_calls_in_flight_end_with_the_channel() -> None:
    service = Service()
    outcome: list[Any] = []

    async def call(channel: Any) -> None:
        outcome.append(await status_of(unary(channel, OURS + "sleep", b"30")))

    async with serving(service) as port:
        for io in ("inline", "thread"):
            async with (
                trio.open_nursery() as nursery,
                open_channel(f"127.0.0.1:{port}", io=io) as channel,  # type: ignore[arg-type]
            ):
                nursery.start_soon(call, channel)
                await eventually(lambda: service.running == 1)
            assert outcome.pop()[0] is Status.UNAVAILABLE
            assert (await status_of(unary(channel, OURS + "echo")))[0] is Status.CANCELLED
            await eventually(lambda: service.running == 0)


async def test_misuse_is_told_apart_from_failure() -> None:
    async with serving(Service()) as port, open_channel(f"127.0.0.1:{port}") as channel:
        async with channel.request(OURS + "echo", Cardinality.UNARY_UNARY, bytes, bytes) as call:
            await call.send_message(b"1")
            with pytest.raises(grpclib.exceptions.ProtocolError, match="sent already"):
                await call.send_message(b"2")
            assert await call.recv_message() == b"1"
        with pytest.raises(ValueError, match="metadata"):
            await unary(channel, OURS + "echo", metadata={"grpc-own": "x"})
    with pytest.raises(ValueError, match="io must be"):
        async with open_channel("127.0.0.1:1", io="loop"):  # type: ignore[arg-type]
            pass
    with pytest.raises(ValueError, match="served twice"):
        MemoryChannel([Service(), Service()])


async def test_client_streaming_works_inline() -> None:
    class Summing:
        async def total(self, stream: Any) -> None:
            await stream.send_message(str(sum([int(message) async for message in stream])).encode())

        def __mapping__(self) -> Any:
            return {OURS + "total": Handler(self.total, Cardinality.STREAM_UNARY, bytes, bytes)}

    for join in (partial(serving, Summing()), None):
        if join is None:
            await _sum(MemoryChannel([Summing()]))
        else:
            async with join() as port, open_channel(f"127.0.0.1:{port}") as channel:
                await _sum(channel)


async def _sum(channel: Any) -> None:
    async with channel.request(OURS + "total", Cardinality.STREAM_UNARY, bytes, bytes) as call:
        for number in range(10):
            await call.send_message(str(number).encode())
        await call.end()
        assert await call.recv_message() == b"45"
