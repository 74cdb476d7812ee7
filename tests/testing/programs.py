"""An orchestration that does whatever its input says: small programs, of which Hypothesis makes many.

    ["call", n] . ["retry", n, attempts] . ["child", program] . ["sleep", s] . ["wait", name, seconds] . ["guid"]
    ["now"] . ["status", n] . ["seq", [...]] . ["try", p] . ["all", [...]] . ["any", [...]] . ["timeout", s, p]
    ["nursery", [...]] . ["move on", s, p] . ["first wins", [...]] . ["shield", s, p] . ["lock", [...]]
    ["patched", name, p] . ["saga", [...]] . ["send", name, n] . ["channel", [...]]
"""

from __future__ import annotations

from datetime import timedelta

import trio

from trio_durable import RetryPolicy, TaskFailedError


def echo(ctx, value):
    return value


async def run_program(ctx, program):
    """Run a program; its result is a JSON value that depends on everything it saw."""
    return await step(ctx, program)


async def restarts(ctx, program):
    """The same three times over, unread events carried along."""
    left, inner = program
    seen = await step(ctx, inner)
    if left > 0:
        ctx.continue_as_new([left - 1, inner], save_events=True)
    return seen


async def step(ctx, program):
    verb, *rest = program
    return await VERBS[verb](ctx, *rest)


async def call(ctx, n):
    return await ctx.call_activity(echo, input=n)


async def retry(ctx, n, attempts):
    policy = RetryPolicy(
        first_retry_interval=timedelta(seconds=1), max_number_of_attempts=attempts, backoff_coefficient=2.0
    )
    return await ctx.call_activity(echo, input=n, retry_policy=policy)


async def child(ctx, program):
    return await ctx.call_child_orchestrator(run_program, input=program)


async def sleep(ctx, seconds):
    await ctx.sleep(seconds)
    return seconds


async def wait(ctx, name, seconds):
    try:
        return [name, await ctx.wait_for_external_event(name, timeout=seconds)]
    except TimeoutError:
        return [name, "late"]


async def guid(ctx):
    return [str(ctx.new_guid()), ctx.random().random()]


async def now(ctx):
    return ctx.now().isoformat()


async def status(ctx, n):
    ctx.set_custom_status(n)


async def seq(ctx, programs):
    return [await step(ctx, each) for each in programs]


async def attempt(ctx, program):
    try:
        return await step(ctx, program)
    except (TaskFailedError, TimeoutError, ExceptionGroup) as error:
        return type(error).__name__


async def together(ctx, programs):
    found = await ctx.gather(*(step(ctx, each) for each in programs), return_exceptions=True)
    return [type(each).__name__ if isinstance(each, Exception) else each for each in found]


async def any_of(ctx, programs):
    return list(await ctx.when_any_with_result([step(ctx, each) for each in programs]))


async def limited(ctx, seconds, program):
    try:
        return await ctx.with_timeout(step(ctx, program), seconds)
    except TimeoutError:
        return "late"


async def nursery(ctx, programs):
    found = []

    async def one(number, each):
        found.append([number, await step(ctx, each)])

    async with trio.open_nursery() as inner:
        for number, each in enumerate(programs):
            inner.start_soon(one, number, each)
    return found


async def move_on(ctx, seconds, program):
    found = "late"
    with trio.move_on_after(seconds) as scope:
        found = await step(ctx, program)
    return [found, scope.cancelled_caught]


async def first_wins(ctx, programs):
    found = []

    async def one(scope, number, each):
        found.append([number, await step(ctx, each)])
        scope.cancel()

    async with trio.open_nursery() as inner:
        for number, each in enumerate(programs):
            inner.start_soon(one, inner.cancel_scope, number, each)
    return found


async def shield(ctx, seconds, program):
    """What must be done although the time is over."""
    found = []
    with trio.move_on_after(seconds):
        try:
            await trio.sleep(seconds + 1)
        finally:
            with trio.CancelScope(shield=True):
                found.append(await step(ctx, program))
    return found


async def locked(ctx, programs):
    lock = trio.Lock()
    found = []

    async def one(number, each):
        async with lock:
            found.append([number, await step(ctx, each)])

    async with trio.open_nursery() as inner:
        for number, each in enumerate(programs):
            inner.start_soon(one, number, each)
    return found


async def patched(ctx, name, program):
    return [name, await step(ctx, program) if ctx.is_patched(name) else "unpatched"]


async def saga(ctx, programs):
    found = []
    async with ctx.saga() as undone:
        for each in programs:
            undone.compensate(echo, input=len(found))
            found.append(await step(ctx, each))
    return found


async def send(ctx, name, n):
    """To itself."""
    await ctx.send_event(ctx.instance_id, name, data=n)


async def channel(ctx, programs):
    """Each sends what it saw through a channel without room."""
    into, out = trio.open_memory_channel(0)

    async def one(end, each):
        async with end:
            await end.send(await step(ctx, each))

    async with trio.open_nursery() as inner, out:
        async with into:
            for each in programs:
                inner.start_soon(one, into.clone(), each)
        return [each async for each in out]


VERBS = {
    "call": call,
    "retry": retry,
    "child": child,
    "sleep": sleep,
    "wait": wait,
    "guid": guid,
    "now": now,
    "status": status,
    "seq": seq,
    "try": attempt,
    "all": together,
    "any": any_of,
    "timeout": limited,
    "nursery": nursery,
    "move on": move_on,
    "first wins": first_wins,
    "shield": shield,
    "lock": locked,
    "patched": patched,
    "saga": saga,
    "send": send,
    "channel": channel,
}
