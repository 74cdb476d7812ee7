"""The sidecar as a process, killed at moments nobody chose: what it acknowledged is there afterwards."""

from __future__ import annotations

import os
import random
import signal
import subprocess
import sys
from contextlib import suppress

import pytest
import trio

from tests.loopback import held_port
from tests.patience import PATIENCE
from trio_durable._core import actions as ac
from trio_durable._core import events as ev
from trio_durable._core.events import Status
from trio_durable._rpc import GRPCError, RpcStatus, open_channel
from trio_durable._wire.events import event_from_pb


class Process:
    """`python -m trio_durable sidecar` on one file and one port."""

    def __init__(self, db, port: int) -> None:
        self._db = db
        self._process = None
        self.port = str(port)
        self.address = f"127.0.0.1:{port}"

    async def start(self) -> None:
        command = [sys.executable, "-m", "trio_durable", "sidecar", "--port", self.port, "--db", str(self._db)]
        self._process = await trio.lowlevel.open_process(command, stdout=subprocess.PIPE)
        line = b""
        while not line.endswith(b"\n"):
            more = await self._process.stdout.receive_some()
            assert more, f"the sidecar ended: {line!r}"
            line += more
        assert f"ready on {self.address},".encode() in line

    async def end(self, number: int) -> int:
        if self._process is None:
            return 0
        process, self._process = self._process, None
        with trio.CancelScope(shield=True):
            process.send_signal(number)
            code = await process.wait()
            await process.stdout.aclose()
        return code


@pytest.fixture
async def process(tmp_path):
    with held_port() as port:
        process = Process(tmp_path / "x.db", port)
        await process.start()
        yield process
        await process.end(signal.SIGKILL)


async def test_it_is_killed_and_nothing_acknowledged_is_lost(process, worker_class, client_class, scripts):
    chance = random.Random(os.environ.get("TRIO_DURABLE_SEED", "7"))
    started: list[str] = []
    raised: list[str] = []
    gone = trio.Event()
    instances = 40

    def script(events):
        heard = any(isinstance(event, ev.EventRaised) for event in events)
        done = sum(isinstance(event, ev.TaskCompleted) for event in events)
        tasks = [ac.ScheduleTask(number, "step", str(number)) for number in range(1, 4)]
        return [*tasks, ac.CompleteOrchestration(9, Status.COMPLETED, "9")] if heard and done == 3 else tasks

    scripts["all"] = script

    async def work() -> None:
        while True:
            with suppress(GRPCError):
                async with open_channel(process.address) as channel:
                    try:
                        await worker_class(channel, scripts).serve()
                    except* GRPCError:
                        pass
            await trio.sleep(0.02)

    async def insist(call, *arguments) -> None:
        """Ask until it is acknowledged; an answer that was lost may leave the thing done."""
        while True:
            try:
                async with open_channel(process.address) as channel:
                    await getattr(client_class(channel), call)(*arguments)
            except GRPCError as error:
                if error.status is RpcStatus.ALREADY_EXISTS:
                    return
                await trio.sleep(0.02)
            else:
                return

    async def client(name: str) -> None:
        await insist("start", "all", name)
        started.append(name)
        await insist("raise_event", name, "go")
        raised.append(name)

    async def killer() -> None:
        for _ in range(3):
            await trio.sleep(chance.uniform(0.05, 0.4))
            await process.end(signal.SIGKILL)
            await process.start()
        gone.set()

    with trio.fail_after(PATIENCE):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(work)
            async with trio.open_nursery() as clients:
                clients.start_soon(killer)
                for number in range(instances):
                    clients.start_soon(client, f"i{number}")
            assert gone.is_set()
            assert len(started) == len(raised) == instances
            async with open_channel(process.address) as channel:
                asker = client_class(channel)
                for name in started:
                    state = await asker.ended(name)
                    assert (state.status, state.output) == (Status.COMPLETED, "9")
                    history = await asker.history(name)
                    answers = [event for event in map(event_from_pb, history) if isinstance(event, ev.TaskCompleted)]
                    assert sorted(answer.task_scheduled_id for answer in answers) == [1, 2, 3]
            nursery.cancel_scope.cancel()
    assert await process.end(signal.SIGTERM) == 0


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_it_stops_when_asked(tmp_path, process, number):
    assert await process.end(number) == 0
    assert not (tmp_path / "x.db-wal").exists()


async def test_a_port_or_a_file_that_is_taken_is_said_clearly(tmp_path, process):
    port = process.port
    for arguments, words in (
        (["--port", "0", "--db", str(tmp_path / "x.db")], b"in use by another process"),
        (["--port", port], b"cannot listen on 127.0.0.1:" + port.encode()),
    ):
        command = [sys.executable, "-m", "trio_durable", "sidecar", *arguments]
        done = await trio.run_process(command, check=False, capture_stderr=True)
        assert done.returncode == 1
        assert words in done.stderr
        assert b"Traceback" not in done.stderr
    assert await process.end(signal.SIGTERM) == 0
