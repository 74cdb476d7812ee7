"""What the tests of the rpc room share: services of raw bytes, a peer process, broken sockets."""

from __future__ import annotations

import json
import socket
import subprocess
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from functools import partial
from pathlib import Path
from typing import Any

import trio
from grpclib.const import Cardinality, Handler, Status
from grpclib.exceptions import GRPCError

from tests.patience import PATIENCE
from trio_durable._rpc import serve

PEER = "/trio.durable.test.Peer/"
OURS = "/trio.durable.test.Ours/"
SCRIPTS = Path(__file__).parent / "peers"


class Service:
    """A service of raw bytes, in grpclib's own spelling; every coroutine method is a call, `stream_*` a stream."""

    def __init__(self) -> None:
        self.seen: list[Any] = []
        self.running = 0
        self.most = 0

    def __mapping__(self) -> dict[str, Handler]:
        table = {}
        for name in dir(self):
            if not name.startswith("_") and callable(getattr(self, name)):
                streaming = name.startswith("stream_")
                run = partial(self._stream if streaming else self._unary, getattr(self, name))
                kind = Cardinality.UNARY_STREAM if streaming else Cardinality.UNARY_UNARY
                table[OURS + name] = Handler(run, kind, bytes, bytes)
        return table

    async def _unary(self, method: Callable[..., Awaitable[bytes | None]], stream: Any) -> None:
        request = await stream.recv_message()
        self.running += 1
        self.most = max(self.most, self.running)
        try:
            reply = await method(request, stream)
            if reply is not None:
                await stream.send_message(reply)
        except trio.Cancelled:
            self.seen.append(f"{method.__name__} cancelled")
            raise
        finally:
            self.running -= 1

    async def _stream(self, method: Callable[..., Awaitable[None]], stream: Any) -> None:
        request = await stream.recv_message()
        try:
            await method(request, stream)
        except trio.Cancelled:
            self.seen.append(f"{method.__name__} cancelled")
            raise

    # -- the calls

    async def echo(self, request: bytes, stream: Any) -> bytes:
        return request

    async def sleep(self, request: bytes, stream: Any) -> bytes:
        self.seen.append("sleep started")
        await trio.sleep(float(request))
        return request

    async def big(self, request: bytes, stream: Any) -> bytes:
        return bytes(int(request))

    async def size(self, request: bytes, stream: Any) -> bytes:
        return str(len(request)).encode()

    async def fail(self, request: bytes, stream: Any) -> bytes:
        status, _, text = request.decode().partition(" ")
        raise GRPCError(Status[status], text)

    async def broken(self, request: bytes, stream: Any) -> bytes:
        raise RuntimeError("the handler broke")

    async def silent(self, request: bytes, stream: Any) -> None:
        """Return without an answer."""

    async def time_left(self, request: bytes, stream: Any) -> bytes:
        return b"none" if stream.deadline is None else str(stream.deadline.when - trio.current_time()).encode()

    async def metadata(self, request: bytes, stream: Any) -> None:
        await stream.send_initial_metadata(metadata={"x-initial": "one", "x-initial-bin": b"\x00\xff"})
        seen = [[key, value.hex() if isinstance(value, bytes) else value] for key, value in stream.metadata.items()]
        await stream.send_message(json.dumps(seen).encode())
        await stream.send_trailing_metadata(metadata={"x-trailing": "two", "x-trailing-bin": b"\x01\x02\x03"})

    async def stream_count(self, request: bytes, stream: Any) -> None:
        count, size = map(int, request.split())
        for number in range(count):
            self.sent = number
            await stream.send_message(str(number).encode().ljust(size))

    async def stream_forever(self, request: bytes, stream: Any) -> None:
        self.seen.append("stream started")
        number = 0
        while True:
            await stream.send_message(str(number).encode())
            number += 1
            await trio.sleep(0.01)

    async def stream_then_fail(self, request: bytes, stream: Any) -> None:
        await stream.send_message(b"1")
        await stream.send_message(b"2")
        raise GRPCError(Status.DATA_LOSS, "after two")


@asynccontextmanager
async def serving(service: Any, **options: Any) -> AsyncIterator[int]:
    """Our server on a free port, for the length of the block."""
    async with trio.open_nursery() as nursery:
        port = await nursery.start(partial(serve, [service], grace=0.5, **options))
        try:
            yield port
        finally:
            nursery.cancel_scope.cancel()


async def unary(channel: Any, path: str, request: bytes = b"", **options: Any) -> bytes:
    """One call of raw bytes."""
    async with channel.request(path, Cardinality.UNARY_UNARY, bytes, bytes, **options) as stream:
        await stream.send_message(request, end=True)
        reply: bytes = await stream.recv_message()
    return reply


async def time_left(channel: Any, path: str, sent: float, **options: Any) -> None:
    """Ask a call how long it may take, which was told to be `sent` seconds when it was made.

    It is never told less than we wait ourselves: what is sent is rounded up, to a second where it is long.
    """
    began = trio.current_time()
    left = float(await unary(channel, path, **options))
    assert sent - (trio.current_time() - began) - 0.01 <= left <= sent + (1.5 if sent > 9 else 0.01)


def stream(channel: Any, path: str, **options: Any) -> Any:
    """A server-streaming call of raw bytes, to be entered and sent to."""
    return channel.request(path, Cardinality.UNARY_STREAM, bytes, bytes, **options)


async def status_of(call: Awaitable[Any]) -> tuple[Status, str]:
    """How `call` fails: its status and message."""
    try:
        result = await call
    except GRPCError as error:
        return error.status, error.message or ""
    raise AssertionError(f"the call did not fail: it returned {result!r}")


class PeerProcess:
    """A peer's script as a child process; one JSON line in, one JSON line out."""

    def __init__(self, process: trio.Process) -> None:
        self.process = process
        self._buffer = b""
        self.hello: dict[str, Any] = {}

    async def ask(self, **command: Any) -> dict[str, Any]:
        await self.tell(**command)
        return await self.answer()

    async def tell(self, **command: Any) -> None:
        assert self.process.stdin is not None
        await self.process.stdin.send_all(json.dumps(command).encode() + b"\n")

    async def answer(self) -> dict[str, Any]:
        assert self.process.stdout is not None
        while b"\n" not in self._buffer:
            data = await self.process.stdout.receive_some()
            assert data, "the peer's process ended"
            self._buffer += data
        line, _, self._buffer = self._buffer.partition(b"\n")
        answer: dict[str, Any] = json.loads(line)
        return answer

    async def events_until(self, wanted: Any, seconds: float = PATIENCE) -> list[Any]:
        """Ask for what the peer's handlers have seen until `wanted` is among it."""
        events: list[Any] = []
        with trio.fail_after(seconds):
            while wanted not in events:
                events += (await self.ask(do="events"))["events"]
        return events


@asynccontextmanager
async def peer_process(python: Path, script: str, **options: Any) -> AsyncIterator[PeerProcess]:
    """`script` in the peer's environment, ready; killed at the end of the block."""
    process = await trio.lowlevel.open_process(
        [str(python), str(SCRIPTS / script), json.dumps(options)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    try:
        peer = PeerProcess(process)
        with trio.fail_after(PATIENCE):
            peer.hello = await peer.answer()
        yield peer
    finally:
        process.kill()
        with trio.CancelScope(shield=True):
            await process.wait()
            for pipe in (process.stdin, process.stdout):
                if pipe is not None:
                    await pipe.aclose()


def free_address() -> tuple[socket.socket, int]:
    """A listening socket that nobody accepts from, and its port."""
    sock = socket.socket()
    sock.bind(("127.0.0.1", 0))
    sock.listen(8)
    return sock, sock.getsockname()[1]


async def eventually(condition: Callable[[], Any], seconds: float = PATIENCE) -> None:
    """Let other tasks run until `condition` holds; for what happens in another process or thread."""
    with trio.fail_after(seconds):
        while not condition():
            await trio.sleep(0.002)
