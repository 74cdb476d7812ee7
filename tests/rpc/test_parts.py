"""The parts by themselves: addresses, buffers, events, slots, frames, deadlines, budgets."""

from __future__ import annotations

import random

import pytest
import trio
import trio.testing
from grpclib.const import Status
from grpclib.exceptions import GRPCError
from grpclib.metadata import Deadline, decode_timeout, encode_timeout
from h2.errors import ErrorCodes
from hypothesis import given, settings
from hypothesis import strategies as st

from trio_durable._rpc import Address, Backoff, default_address, parse_address
from trio_durable._rpc.channel import CallDeadline
from trio_durable._rpc.failures import StreamLost, connect_failure, reset_failure
from trio_durable._rpc.framing import frame_message, read_message
from trio_durable._rpc.limits import Limits
from trio_durable._rpc.parking import Buffer, Event, Slots


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("localhost:4001", Address("localhost", 4001, False)),
        (" grpc://h:1 ", Address("h", 1, False)),
        ("http://h", Address("h", 80, False)),
        ("http://h:8080/", Address("h", 8080, False)),
        ("grpcs://h", Address("h", 443, True)),
        ("https://h:50001", Address("h", 50001, True)),
        ("https://h?tls=false", Address("h", 80, False)),
        ("grpc://h:1?tls=true", Address("h", 1, True)),
        ("dns:h:1", Address("h", 1, False)),
        ("dns:///h:1", Address("h", 1, False)),
        ("dns://8.8.8.8/h:1", Address("h", 1, False)),
        ("[::1]:50001", Address("::1", 50001, False)),
        ("unix:/run/x.sock", Address("", 0, False, "/run/x.sock")),
        ("unix:///run/x.sock", Address("", 0, False, "/run/x.sock")),
        ("unix:x.sock", Address("", 0, False, "x.sock")),
    ],
)
def test_addresses(text: str, expected: Address) -> None:
    assert parse_address(text) == expected


@pytest.mark.parametrize(
    "text", ["", "localhost", "h:", "h:99999", "h:x", "ftp://h:1", "grpc://h", "unix:", "h:1/path", "u@h:1", "[::1"]
)
def test_addresses_that_are_none(text: str) -> None:
    with pytest.raises(ValueError, match="expected host:port"):
        parse_address(text)


@pytest.mark.parametrize("text", ["h:1?tls=maybe", "h:1?timeout=3"])
def test_queries_that_mean_nothing(text: str) -> None:
    with pytest.raises(ValueError, match=r"only \?tls=true or \?tls=false"):
        parse_address(text)


def test_authority() -> None:
    assert parse_address("[::1]:1").authority == "[::1]:1"
    assert parse_address("unix:/x").authority == "localhost"
    assert str(parse_address("unix:/x")) == "unix:/x"


@settings(deadline=None)
@given(st.lists(st.binary(max_size=50), max_size=20), st.lists(st.integers(0, 60), max_size=30), st.randoms())
async def test_a_buffer_is_a_pipe(chunks: list[bytes], sizes: list[int], order: random.Random) -> None:
    """Whatever the chunks and the reads: the same bytes in order, everything pulled is acknowledged once."""
    acknowledged = 0

    def acknowledge(size: int) -> None:
        nonlocal acknowledged
        acknowledged += size

    buffer = Buffer(acknowledge)
    whole = b"".join(chunks)
    got = b""
    async with trio.open_nursery() as nursery:

        async def feed() -> None:
            for chunk in chunks:
                buffer.add(chunk, len(chunk) + 3)
                if order.random() < 0.5:
                    await trio.lowlevel.checkpoint()
            buffer.eof()

        nursery.start_soon(feed)
        for size in sizes:
            left = len(whole) - len(got)
            if size > left > 0:
                with pytest.raises(StreamLost, match="middle of a message"):
                    await buffer.read(size)
                break
            part = await buffer.read(size)
            assert part == whole[len(got) : len(got) + size]
            got += part
    owed = sum(len(chunk) + 3 for chunk in chunks)
    assert acknowledged + buffer.unacked_size() == owed
    assert buffer.unacked_size() == 0


async def test_a_buffer_acknowledges_only_what_is_read() -> None:
    """So a slow reader holds the peer back, however many messages a window has room for."""
    acknowledged: list[int] = []
    buffer = Buffer(acknowledged.append)
    for _ in range(1000):
        buffer.add(bytes(100), 100)
    assert acknowledged == []
    await buffer.read(50)
    assert acknowledged == [100]
    await buffer.read(50)
    assert acknowledged == [100]
    await buffer.read(250)
    assert sum(acknowledged) == 400


async def test_a_buffer_gives_its_data_before_its_failure() -> None:
    buffer = Buffer(lambda size: None)
    buffer.add(b"abc", 3)
    buffer.fail(StreamLost("cut"))
    assert await buffer.read(3) == b"abc"
    with pytest.raises(StreamLost, match="cut"):
        await buffer.read(1)
    ended = Buffer(lambda size: None)
    ended.eof()
    ended.fail(StreamLost("too late to matter"))
    assert await ended.read(5) == b""


async def test_a_buffer_has_one_reader() -> None:
    buffer = Buffer(lambda size: None)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(buffer.read, 1)
        await trio.testing.wait_all_tasks_blocked()
        with pytest.raises(trio.BusyResourceError):
            await buffer.read(1)
        nursery.cancel_scope.cancel()
    buffer.add(b"x", 1)  # a cancelled reader left no trace
    assert await buffer.read(1) == b"x"


async def test_events() -> None:
    event = Event()
    woken = 0

    async def wait() -> None:
        nonlocal woken
        await event.wait()
        woken += 1

    async with trio.open_nursery() as nursery:
        for _ in range(3):
            nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        event.set()
        event.clear()  # a condition that was taken back is not overrun
        await trio.testing.wait_all_tasks_blocked()
        assert woken == 0
        event.set()
    assert woken == 3
    event.clear()
    event.fail(StreamLost("gone"))
    with pytest.raises(StreamLost, match="gone"):
        await event.wait()
    event.set()
    await event.wait()


async def test_slots_go_in_turn() -> None:
    free = 2
    slots = Slots(lambda: free)
    order: list[int] = []
    release = trio.Semaphore(0)

    async def use(number: int) -> None:
        nonlocal free
        await slots.acquire()
        free -= 1
        slots.done()
        order.append(number)
        await release.acquire()
        free += 1
        slots.wake()

    async with trio.open_nursery() as nursery:
        for number in range(6):
            nursery.start_soon(use, number)
            await trio.testing.wait_all_tasks_blocked()
        for running in (2, 3, 4, 5, 6, 6):
            assert order == list(range(running))
            release.release()
            await trio.testing.wait_all_tasks_blocked()
    assert free == 2


async def test_a_cancelled_waiter_leaves_the_queue() -> None:
    free = 0
    slots = Slots(lambda: free)
    with trio.move_on_after(0):
        await slots.acquire()
    free = 1
    with trio.fail_after(1):
        await slots.acquire()
    slots.done()


async def test_slots_that_fail() -> None:
    slots = Slots(lambda: 0)
    failures: list[bool] = []

    async def wait() -> None:
        try:
            await slots.acquire()
        except StreamLost as lost:
            failures.append(lost.refused)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(wait)
        nursery.start_soon(wait)
        await trio.testing.wait_all_tasks_blocked()
        slots.fail(StreamLost("going away", refused=True))
    assert failures == [True, True]
    await wait()
    assert failures == [True, True, True]


@given(st.lists(st.binary(max_size=100), max_size=10))
async def test_framing_round_trip(messages: list[bytes]) -> None:
    buffer = Buffer(lambda size: None)
    for message in messages:
        framed = frame_message(message)
        buffer.add(framed, len(framed))
    buffer.eof()
    for message in messages:
        assert await read_message(buffer, 100) == message
    assert await read_message(buffer, 100) is None


async def test_a_long_message_is_refused_by_its_prefix() -> None:
    buffer = Buffer(lambda size: None)
    buffer.add(b"\0\0\0\0\x65", 5)  # 101 bytes announced, none there
    with pytest.raises(GRPCError) as caught:
        await read_message(buffer, 100)
    assert caught.value.status is Status.RESOURCE_EXHAUSTED
    with pytest.raises(GRPCError, match="longer than"):
        frame_message(bytes(11), 10)


@given(st.floats(0, 1e5))
async def test_a_sent_timeout_is_never_shorter_than_ours(seconds: float) -> None:
    deadline = CallDeadline.at(trio.current_time() + seconds)
    sent = decode_timeout(encode_timeout(deadline.time_remaining()))
    assert seconds - 1e-6 <= sent <= seconds + 1.0 + 1e-6
    if seconds < 9:
        assert sent <= seconds + 0.0016


async def test_deadlines_combine(mock_clock: trio.testing.MockClock) -> None:
    now = trio.current_time()
    assert CallDeadline.of(None, None) is None
    assert CallDeadline.of(None, 5).when == now + 5  # type: ignore[union-attr]
    assert CallDeadline.of(CallDeadline.at(now + 3), 5).when == now + 3  # type: ignore[union-attr]
    assert CallDeadline.of(Deadline.from_timeout(2), 5).when == pytest.approx(now + 2, abs=0.1)  # type: ignore[union-attr]


async def test_budget(mock_clock: trio.testing.MockClock) -> None:
    limits = Limits(3, burst=10, rate=2)
    assert [limits.admit(load) for load in range(5)] == [True, True, True, False, False]
    assert [limits.charge() for _ in range(11)] == [True] * 10 + [False]
    mock_clock.jump(1.5)
    assert [limits.charge() for _ in range(4)] == [True] * 3 + [False]
    mock_clock.jump(3600)
    assert [limits.charge() for _ in range(11)] == [True] * 10 + [False]
    with pytest.raises(ValueError, match="at least 1"):
        Limits(0)


def test_backoff_grows_to_its_cap() -> None:
    backoff = Backoff(rng=random.Random(7))
    delays = [backoff.next_delay() for _ in range(100)]
    for index, delay in enumerate(delays):
        nominal = min(15.0, 1.6**index)
        assert nominal * 0.8 <= delay <= nominal * 1.2
    backoff.reset()
    assert backoff.next_delay() <= 1.2


def test_failures_say_what_to_do() -> None:
    group = ExceptionGroup("multiple", [ConnectionRefusedError(111, "refused"), OSError(101, "unreachable")])
    outer = OSError("all attempts to connect failed")
    outer.__cause__ = group
    error = connect_failure(outer, "h:1")
    assert error.status is Status.UNAVAILABLE
    for part in ("h:1", "refused", "unreachable", "start the sidecar"):
        assert part in (error.message or "")
    assert reset_failure(ErrorCodes.REFUSED_STREAM, "h:1").refused
    assert "77" in reset_failure(77, "h:1").message
    assert reset_failure(None, "h:1").status is Status.UNAVAILABLE


def test_buffers_do_not_copy_whole_chunks() -> None:
    """A read of exactly one chunk hands over that chunk."""

    async def main() -> None:
        chunk = bytes(1000)
        buffer = Buffer(lambda size: None)
        buffer.add(chunk, 1000)
        assert await buffer.read(1000) is chunk

    trio.run(main)




@pytest.mark.parametrize(
    ("environ", "names"),
    [
        ({"DAPR_GRPC_PORT": "abc"}, "DAPR_GRPC_PORT and DAPR_GRPC_HOST"),
        ({"DAPR_RUNTIME_HOST": "a b:c", "DAPR_GRPC_PORT": "1"}, "DAPR_RUNTIME_HOST"),
        ({"DAPR_GRPC_ENDPOINT": "nowhere"}, "DAPR_GRPC_ENDPOINT"),
    ],
)
def test_an_environment_that_makes_no_address_is_named(environ: dict[str, str], names: str) -> None:
    with pytest.raises(ValueError, match=f"the environment's .*{names}"):
        default_address(environ)
