"""Real signals to a real worker process: idle, in a turn, draining, and a second time."""

from __future__ import annotations

import signal
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest
import trio

from tests.patience import PATIENCE
from trio_durable import Client, OrchestrationStatus
from trio_durable.sidecar import open_sidecar

SCRIPT = Path(__file__).with_name("serve_script.py")


class Program:
    """The worker program, its output, and how it ended."""

    def __init__(self, process: trio.Process) -> None:
        self.process = process
        self.text = ""

    async def says(self, word: str) -> None:
        assert self.process.stdout is not None
        with trio.fail_after(PATIENCE):
            while word not in self.text:
                chunk = await self.process.stdout.receive_some()
                assert chunk, f"the program ended without saying {word!r}:\n{self.text}"
                self.text += chunk.decode()

    async def ends(self) -> int:
        assert self.process.stdout is not None
        with trio.fail_after(PATIENCE):
            async for chunk in self.process.stdout:
                self.text += chunk.decode()
            return await self.process.wait()


@pytest.fixture
async def start(nursery):
    """`start("run" | "serve")`: a sidecar, a client, and the program connected to it."""
    async with open_sidecar() as sidecar:
        address = await sidecar.serve()
        async with Client(sidecar.channel()) as client:
            processes = []

            async def begin(how: str) -> tuple[Client, Program]:
                command = [sys.executable, "-u", str(SCRIPT), address, how]
                process = await nursery.start(
                    partial(
                        trio.run_process,
                        command,
                        stdin=b"",
                        check=False,
                        stdout=subprocess.PIPE,
                        stderr=subprocess.STDOUT,
                    )
                )
                processes.append(process)
                return client, Program(process)

            yield begin
            for process in processes:
                if process.returncode is None:
                    process.kill()


async def connected(client: Client) -> None:
    """A worker has answered once."""
    instance_id = await client.schedule_new_orchestration("no_such_orchestration")
    await client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_run_leaves_quietly_when_told(start, number):
    client, program = await start("run")
    await connected(client)
    program.process.send_signal(number)
    assert await program.ends() == 0
    assert "left" in program.text
    assert "Traceback" not in program.text


async def test_an_idle_serve_ends_with_keyboard_interrupt_itself(start):
    client, program = await start("serve")
    await connected(client)
    program.process.send_signal(signal.SIGINT)
    assert await program.ends() != 0
    assert program.text.rstrip().endswith("KeyboardInterrupt")
    assert "ExceptionGroup" not in program.text


async def test_an_interrupt_in_a_turn_is_no_group_either(start):
    client, program = await start("serve")
    await connected(client)
    await client.schedule_new_orchestration("spin", input=1)
    await program.says("spinning")
    program.process.send_signal(signal.SIGINT)
    assert await program.ends() != 0
    assert program.text.rstrip().endswith("KeyboardInterrupt")
    assert "ExceptionGroup" not in program.text


@pytest.mark.parametrize("how", ["serve", "run"])
async def test_a_second_signal_does_not_wait_for_activities(start, how):
    client, program = await start(how)
    await client.schedule_new_orchestration("stuck")
    await program.says("asleep")
    program.process.send_signal(signal.SIGINT)
    await program.says("interrupt again to leave at once")  # two signals at once would be one
    assert program.process.returncode is None
    program.process.send_signal(signal.SIGINT)
    await program.ends()


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
async def test_the_first_signal_lets_activities_answer(start, number):
    client, program = await start("run")
    instance_id = await client.schedule_new_orchestration("gentle")
    await program.says("begun")
    program.process.send_signal(number)
    assert await program.ends() == 0
    async with trio.open_nursery() as nursery:
        from trio_durable import Worker

        worker = Worker(client._door.target)  # the last turn is another worker's
        from tests.worker.serve_script import gentle

        worker.add_orchestrator(gentle)
        await nursery.start(worker.serve)
        state = await client.wait_for_orchestration_completion(instance_id, timeout=PATIENCE)
        assert (state.runtime_status, state.get_output()) == (OrchestrationStatus.COMPLETED, "answered")
        nursery.cancel_scope.cancel()
