"""A monitor that continues as new: it could run for years, and its history never grows.

Prints:
    look 1: 40 % done
    look 2: 80 % done
    look 3: 100 % done
    finished after 3 looks
"""

from dataclasses import dataclass

import trio

from trio_durable import ActivityContext, Client, OrchestrationContext, Worker
from trio_durable.sidecar import open_sidecar


@dataclass
class Watch:
    job: str
    looks: int = 0


def look(ctx: ActivityContext, watch: Watch) -> int:
    done = min(40 * watch.looks, 100)
    print(f"look {watch.looks}: {done} % done")
    return done


async def monitor(ctx: OrchestrationContext, watch: Watch) -> str | None:
    watch.looks += 1
    done = await ctx.call_activity(look, input=watch)
    ctx.set_custom_status(f"{done} %")
    if done == 100:
        return f"finished after {watch.looks} looks"
    await ctx.sleep(0.05)
    # A new execution with an empty history; events that nobody has read yet come along.
    ctx.continue_as_new(watch, save_events=True)
    return None


async def main() -> None:
    async with open_sidecar() as sidecar, trio.open_nursery() as nursery, Client(sidecar.channel()) as client:
        worker = Worker(sidecar.channel())
        worker.add_orchestrator(monitor)
        worker.add_activity(look)
        await nursery.start(worker.serve)
        instance_id = await client.schedule_new_orchestration(monitor, input=Watch("backup"))
        state = await client.wait_for_orchestration_completion(instance_id)
        assert state.get_custom_status() == "100 %"
        print(state.get_output())
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main)
