"""Our side of `bench_road.py`: the orchestrations, our worker as a process, and the whole road in one process.

    python road_ours.py worker ADDRESS      answers each line of its input with the processor time it has used
    python road_ours.py embedded PATH       runs the scenario that each line names on an embedded sidecar; answers with
                                            its processor time and its duration, in seconds
"""

from __future__ import annotations

import json
import sys
import threading
import time
from collections.abc import Callable

import trio

from trio_durable import ActivityContext, Client, OrchestrationContext, OrchestrationStatus, Worker

#: How many events arrive together before somebody looks whether they were understood.
WAVE = 50
PATIENCE = 600.0


def echo(ctx: ActivityContext, number: int) -> int:
    return number  # a plain function, run in a thread, as the peers' are


async def chain(ctx: OrchestrationContext, count: int) -> int:
    total = 0
    for number in range(count):
        total += await ctx.call_activity(echo, input=number)
    return total


async def fan(ctx: OrchestrationContext, count: int) -> int:
    return sum(await ctx.when_all([ctx.call_activity(echo, input=number) for number in range(count)]))


async def small(ctx: OrchestrationContext, number: int) -> int:
    return await ctx.call_activity(echo, input=number)


async def events(ctx: OrchestrationContext, waves: list[int]) -> int:
    total = 0
    for wave, count in enumerate(waves):
        for _ in range(count):
            total += await ctx.wait_for_external_event("tick", data_type=int)
        ctx.set_custom_status(str(wave))
    return total


async def children(ctx: OrchestrationContext, count: int) -> int:
    return sum(await ctx.when_all([ctx.call_sub_orchestrator(small, input=number) for number in range(count)]))


# -- the client's part, the same whoever works


async def run(client: Client, name: str, payload: object, expected: int) -> None:
    """Run one instance to its end."""
    await ended(client, await client.schedule_new_orchestration(name, input=payload), expected)


async def ended(client: Client, instance: str, expected: int) -> None:
    state = await client.wait_for_orchestration_completion(instance, timeout=PATIENCE)
    assert state.runtime_status is OrchestrationStatus.COMPLETED, state
    assert state.get_output() == expected, state


async def drive_chain(client: Client, size: int) -> None:
    await run(client, "chain", size, size * (size - 1) // 2)


async def drive_fan(client: Client, size: int) -> None:
    await run(client, "fan", size, size * (size - 1) // 2)


async def drive_small(client: Client, size: int) -> None:
    async with trio.open_nursery() as nursery:
        for number in range(size):
            nursery.start_soon(run, client, "small", number, number)


async def drive_children(client: Client, size: int) -> None:
    await run(client, "children", size, size * (size - 1) // 2)


async def drive_events(client: Client, size: int) -> None:
    waves = [min(WAVE, size - at) for at in range(0, size, WAVE)]
    instance = await client.schedule_new_orchestration("events", input=waves)
    await client.wait_for_orchestration_start(instance, timeout=PATIENCE)
    for wave, count in enumerate(waves):
        async with trio.open_nursery() as nursery:
            for _ in range(count):
                nursery.start_soon(raise_event, client, instance)
        while True:
            state = await client.get_orchestration_state(instance)
            # One SDK sends a custom status as it is, the others as JSON.
            if state is not None and (state.serialized_custom_status or "").strip('"') == str(wave):
                break
            await trio.sleep(0.02)
    await ended(client, instance, size)


async def raise_event(client: Client, instance: str) -> None:
    await client.raise_orchestration_event(instance, "tick", data=1)


#: What is run, how large it is, and how large in a smoke test.
SCENARIOS = {
    "chain of 100": (drive_chain, 100, 10),
    "fan-out of 1,000": (drive_fan, 1_000, 50),
    "200 at a time": (drive_small, 200, 20),
    "2,000 events": (drive_events, 2_000, 100),
    "100 children": (drive_children, 100, 10),
}


async def drive(client: Client, scenario: str, *, quick: bool) -> None:
    """Run one scenario to its end."""
    function, full, little = SCENARIOS[scenario]
    with trio.fail_after(PATIENCE):
        await function(client, little if quick else full)


async def warm_up(client: Client) -> None:
    """One small instance, after which everything is connected, imported and compiled."""
    await run(client, "small", 1, 1)


# -- processes


def make_worker(target: object, *, keep: int = 1000) -> Worker:
    worker = Worker(target, max_cached_instances=keep)  # type: ignore[arg-type]
    for orchestrator in (chain, fan, small, events, children):
        worker.add_orchestrator(orchestrator)
    worker.add_activity(echo)
    return worker


async def work(address: str) -> None:
    """Serve until the standard input ends."""
    async with trio.open_nursery() as nursery:
        token = trio.lowlevel.current_trio_token()

        def answer() -> None:
            for _ in sys.stdin:
                print(time.process_time(), flush=True)
            token.run_sync_soon(nursery.cancel_scope.cancel)

        threading.Thread(target=answer, daemon=True).start()
        await make_worker(address).serve()


async def embedded(path: str, make: Callable[[object], Worker]) -> None:
    """Client, worker and sidecar together."""
    from trio_durable.sidecar import open_sidecar

    async with open_sidecar(path) as sidecar, trio.open_nursery() as nursery:
        await nursery.start(make(sidecar.channel()).serve)
        async with Client(sidecar.channel()) as client:
            await warm_up(client)
            while line := await trio.to_thread.run_sync(sys.stdin.readline):
                scenario = json.loads(line)
                cpu, began = time.process_time(), time.perf_counter()
                await drive(client, scenario["name"], quick=scenario["quick"])
                result = {"cpu": time.process_time() - cpu, "wall": time.perf_counter() - began}
                print(json.dumps(result), flush=True)
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    if sys.argv[1] == "worker":
        trio.run(work, sys.argv[2])
    else:
        trio.run(embedded, sys.argv[2], make_worker)
