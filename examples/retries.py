"""Retries: which failures are worth another try, how often, and how long apart.

All waits are durable timers on the orchestration's clock; jitter is the same on every replay.

Prints:
    attempt 1 at the bank
    attempt 2 at the bank
    attempt 3 at the bank
    paid at attempt 3
    a wrong card is not tried again: CardRefused
"""

from datetime import timedelta

import trio

from trio_durable import (
    ActivityContext,
    Client,
    NonRetryableError,
    OrchestrationContext,
    RetryPolicy,
    TaskFailedError,
    Worker,
)
from trio_durable.sidecar import open_sidecar


class CardRefused(NonRetryableError):
    pass


def pay(ctx: ActivityContext, card: str) -> str:
    if card == "wrong":
        raise CardRefused("no such card")
    print(f"attempt {ctx.attempt} at the bank")
    if ctx.attempt < 3:
        raise ConnectionError("the bank does not answer")
    return f"paid at attempt {ctx.attempt}"


POLICY = RetryPolicy(
    first_retry_interval=timedelta(milliseconds=20),
    max_number_of_attempts=5,
    backoff_coefficient=2,
    max_retry_interval=timedelta(seconds=1),
    retry_timeout=timedelta(minutes=1),
    jitter=0.2,
)


async def checkout(ctx: OrchestrationContext) -> list[str]:
    paid = await ctx.call_activity(pay, input="right", retry_policy=POLICY)
    try:
        await ctx.call_activity(pay, input="wrong", retry_policy=POLICY)
    except TaskFailedError as error:
        kind = error.details.error_type.rpartition(".")[2]
        return [paid, f"a wrong card is not tried again: {kind}"]
    return [paid]


async def main() -> None:
    async with open_sidecar() as sidecar, trio.open_nursery() as nursery, Client(sidecar.channel()) as client:
        worker = Worker(sidecar.channel())
        worker.add_orchestrator(checkout)
        worker.add_activity(pay)
        await nursery.start(worker.serve)
        instance_id = await client.schedule_new_orchestration(checkout)
        print(*(await client.wait_for_orchestration_completion(instance_id)).get_output(), sep="\n")
        nursery.cancel_scope.cancel()


if __name__ == "__main__":
    trio.run(main)
