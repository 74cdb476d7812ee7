"""Mistakes that a type checker must find: each line that carries `# wrong` must be reported, and no other."""

from __future__ import annotations

from datetime import timedelta

from trio_durable import ActivityContext, Client, OrchestrationContext, RetryPolicy, Worker


def length(ctx: ActivityContext, text: str) -> int:
    return len(text)


async def orchestration(ctx: OrchestrationContext) -> None:
    text: str = await ctx.call_activity(length, input="x")  # wrong
    ctx.call_activity(length, "x")  # wrong
    ctx.call_activity(3)  # wrong
    ctx.create_timer(5)  # wrong
    await ctx.wait_for_external_event(5)  # wrong
    ctx.set_metadata({"a": 1})  # wrong
    RetryPolicy(first_retry_interval=1, max_number_of_attempts=3)  # wrong
    RetryPolicy(first_retry_interval=timedelta(1))  # wrong
    del text


async def client(client: Client) -> None:
    await client.schedule_new_orchestration(5)  # wrong
    await client.wait_for_orchestration_completion("i", 5)  # wrong
    Worker(sandbox="loose")  # wrong
    Worker(4001)  # wrong
    Client(4001)  # wrong
    await client.list_instance_ids()  # wrong
