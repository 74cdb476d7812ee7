"""Versioning: instances that run while the code changes keep the code they began with.

Two ways: a version of its own for each change, or a patch, a question inside one function.

Prints:
    began before: greeted in English
    began after:  greeted in French
    patched, began before: ['old step']
    patched, began after:  ['checked', 'new step']
"""

import trio

from trio_durable import Client, OrchestrationContext, Worker
from trio_durable.sidecar import open_sidecar


async def greet_v1(ctx: OrchestrationContext) -> str:
    await ctx.wait_for_external_event("go")
    return "greeted in English"


async def greet_v2(ctx: OrchestrationContext) -> str:
    await ctx.wait_for_external_event("go")
    return "greeted in French"


async def steps_before(ctx: OrchestrationContext) -> list[str]:
    await ctx.wait_for_external_event("go")
    return ["old step"]


async def steps_after(ctx: OrchestrationContext) -> list[str]:
    # False in instances whose history is past this point, for ever.
    checked = ctx.is_patched("check first")
    if checked:
        await ctx.sleep(0)
    await ctx.wait_for_external_event("go")
    return ["checked", "new step"] if checked else ["old step"]


async def main() -> None:
    async with open_sidecar() as sidecar, trio.open_nursery() as nursery, Client(sidecar.channel()) as client:
        names = ("greet", "steps")

        async def start_both() -> list[str]:
            both = [await client.schedule_new_orchestration(name) for name in names]
            for instance_id in both:
                await client.wait_for_orchestration_start(instance_id)
            return both

        old = Worker(sidecar.channel())
        old.add_versioned_orchestrator(greet_v1, name="greet", version="1")
        old.add_orchestrator(steps_before, name="steps")
        async with trio.open_nursery() as before:
            await before.start(old.serve)
            began_before = await start_both()
            before.cancel_scope.cancel()
        new = Worker(sidecar.channel())
        new.add_versioned_orchestrator(greet_v1, name="greet", version="1")
        new.add_versioned_orchestrator(greet_v2, name="greet", version="2")
        new.add_orchestrator(steps_after, name="steps")
        await nursery.start(new.serve)
        began_after = await start_both()
        labels = ("began before:", "began after: ", "patched, began before:", "patched, began after: ")
        pairs = zip(began_before, began_after, strict=True)
        for label, instance_id in zip(labels, [each for pair in pairs for each in pair], strict=True):
            await client.raise_orchestration_event(instance_id, "go")
            print(label, (await client.wait_for_orchestration_completion(instance_id)).get_output())
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main)
