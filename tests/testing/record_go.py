"""Makes the histories of `tests/histories/go` on the real Go sidecar: `python -m tests.testing.record_go`.

Each instance runs on durabletask-go and is exported as a user would, by `trio-durable history ID --json`.  Existing
files stay as they are: they show what that sidecar wrote, and are replayed for ever.
"""

from __future__ import annotations

import subprocess
import sys
import tempfile
from collections.abc import Awaitable, Callable
from pathlib import Path

import trio

from tests.interop import go
from tests.patience import PATIENCE
from tests.testing import scenes
from trio_durable import Client, OrchestrationStatus, Worker

FOLDER = Path(__file__).parents[1] / "histories" / "go"

Steer = Callable[[Client, str], Awaitable[None]]


async def status(client: Client, instance_id: str, wanted: OrchestrationStatus) -> None:
    """Ask until the status is `wanted`: nothing of the protocol waits for that."""
    with trio.fail_after(PATIENCE):
        while True:
            state = await client.get_orchestration_state(instance_id)
            if state is not None and state.runtime_status is wanted:
                return
            await trio.sleep(0.02)


async def _nothing(client: Client, instance_id: str) -> None:
    """It ends by itself."""


async def _events(client: Client, instance_id: str) -> None:
    for number, name in enumerate(("go", "GO", "stop")):
        await client.raise_orchestration_event(instance_id, name, data=[number, "", None])


async def _suspend(client: Client, instance_id: str) -> None:
    await status(client, instance_id, OrchestrationStatus.RUNNING)
    await client.suspend_orchestration(instance_id, reason="lunch")
    await status(client, instance_id, OrchestrationStatus.SUSPENDED)
    await _events(client, instance_id)
    await client.resume_orchestration(instance_id)


async def _terminate(client: Client, instance_id: str) -> None:
    await status(client, instance_id, OrchestrationStatus.RUNNING)
    await client.terminate_orchestration(instance_id, output={"why": "late"})


async def _leave(client: Client, instance_id: str) -> None:
    await status(client, instance_id, OrchestrationStatus.RUNNING)
    await trio.sleep(0.5)


#: Name of the file -> (orchestrator, input, what a client does to it meanwhile, whether it comes to an end).
SCENES: dict[str, tuple[Callable[..., object], object, Steer, bool]] = {
    "activities": (scenes.activities, 3, _nothing, True),
    "activities-generator": (scenes.activities_generator, 3, _nothing, True),
    "timers": (scenes.timers, 0.05, _nothing, True),
    "children": (scenes.children, 2, _nothing, True),
    "events": (scenes.events, None, _events, True),
    "retries": (scenes.retries, "always", _nothing, True),
    "failed": (scenes.fails, "tea", _nothing, True),
    "continue-as-new": (scenes.counts_down, 3, _nothing, True),
    "custom-status": (scenes.tells, None, _nothing, True),
    "suspended": (scenes.events, None, _suspend, True),
    "terminated": (scenes.events, None, _terminate, True),
    "still-waiting": (scenes.events, None, _leave, False),
    "nursery": (scenes.nursery, 3, _nothing, True),
}


def worker(target: object = "nowhere") -> Worker:
    """Whoever replays these."""
    made = Worker(target)
    for orchestrator in scenes.ORCHESTRATORS:
        made.add_orchestrator(orchestrator)
    for activity in scenes.ACTIVITIES:
        made.add_activity(activity)
    return made


async def main(address: str) -> None:
    async with trio.open_nursery() as nursery, Client(address) as client:
        await nursery.start(worker(address).serve)
        for name, (orchestrator, payload, steer, ends) in SCENES.items():
            path = FOLDER / f"{name}.json"
            if path.exists():
                continue
            await client.schedule_new_orchestration(orchestrator, input=payload, instance_id=name)
            await steer(client, name)
            if ends:
                await client.wait_for_orchestration_completion(name, timeout=PATIENCE)
            command = [sys.executable, "-m", "trio_durable", "history", name, "--json", "--address", address]
            exported = await trio.run_process(command, capture_stdout=True)
            path.write_bytes(exported.stdout)
            print(path)
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    FOLDER.mkdir(exist_ok=True)
    try:
        with tempfile.TemporaryDirectory() as folder, go.running(Path(folder)) as at:
            trio.run(main, at)
    except (OSError, subprocess.SubprocessError) as error:
        sys.exit(f"the Go sidecar could not be run ({error}); `make sidecar-go` makes it")
