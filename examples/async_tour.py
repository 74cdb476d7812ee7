"""A tour of what an async orchestrator can do.

Prints:
    the first of two: fast
    gathered: [1, 'ValueError']
    timed out: True
    moved on: True
    random, and the same on every replay: True
    sent and heard: ping
    cleaned up: True
"""

import trio

from trio_durable import ActivityContext, Client, OrchestrationContext, TaskFailedError, Worker
from trio_durable.sidecar import open_sidecar


async def echo(ctx: ActivityContext, value: object) -> object:
    return value


def fail(ctx: ActivityContext) -> None:
    raise ValueError("on purpose")


async def tour(ctx: OrchestrationContext) -> list[str]:
    report: list[str] = []
    async with ctx:
        ctx.add_cleanup(lambda: report.append("cleaned up: True"))
        slow = ctx.create_timer(ctx.now().replace(year=ctx.now().year + 1, day=1))
        winner = await ctx.when_any([slow, ctx.call_activity(echo, input="fast")])
        report.append(f"the first of two: {winner.get_result()}")

        one, error = await ctx.gather(
            ctx.call_activity(echo, input=1), ctx.call_activity(fail), return_exceptions=True
        )
        assert isinstance(error, TaskFailedError)
        report.append(f"gathered: {[one, error.details.error_type]}")
        try:
            await ctx.with_timeout(slow, 0.01)
        except TimeoutError:
            report.append("timed out: True")
        with trio.move_on_after(0.01) as scope:  # a durable timer
            await trio.sleep(3600)
        report.append(f"moved on: {scope.cancelled_caught}")
        drawn = [ctx.random_int(1, 6), str(ctx.uuid4()), ctx.random_string(8)]
        report.append(f"random, and the same on every replay: {drawn == await ctx.call_activity(echo, input=drawn)}")
        listener = ctx.call_sub_orchestrator(listen, instance_id="listener")
        await ctx.send_event("listener", "sound", data="ping")
        report.append(f"sent and heard: {await listener}")
    ctx.logger.info("logged once, however often this is replayed")
    return report


async def listen(ctx: OrchestrationContext) -> str:
    return await ctx.wait_for_external_event("sound", data_type=str)


async def main() -> None:
    async with open_sidecar() as sidecar, trio.open_nursery() as nursery, Client(sidecar.channel()) as client:
        worker = Worker(sidecar.channel())
        worker.add_orchestrator(tour)
        worker.add_orchestrator(listen)
        worker.add_activity(echo)
        worker.add_activity(fail)
        await nursery.start(worker.serve)
        instance_id = await client.schedule_new_orchestration(tour)
        print(*(await client.wait_for_orchestration_completion(instance_id)).get_output(), sep="\n")
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main)
