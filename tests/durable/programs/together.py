"""Things put together."""

from __future__ import annotations

from typing import Any

from tests.durable.kit import Log, show
from tests.durable.programs.register import program, racy


@program
async def happy_eyeballs(trio: Any, log: Log) -> Any:
    async def attempt(index: int, failed: Any) -> None:
        if index > 0:
            with trio.move_on_after(1):
                await events[index - 1].wait()
        if index + 1 < len(delays):
            nursery.start_soon(attempt, index + 1, failed)
        try:
            await trio.sleep(abs(delays[index]))
            if delays[index] < 0:
                raise OSError(index)
        except OSError as error:
            log("failed", error)
            events[index].set()
        else:
            winners.append((index, trio.current_time()))
            nursery.cancel_scope.cancel()

    delays = [-0.5, 5, 3.25, 9]
    events = [trio.Event() for _ in delays]
    winners: list[Any] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(attempt, 0, None)
    return winners, trio.current_time()


@program
async def supervisor_restarts(trio: Any, log: Log) -> Any:
    attempts = 0

    async def flaky() -> str:
        nonlocal attempts
        attempts += 1
        await trio.sleep(1)
        if attempts < 3:
            raise ValueError(attempts)
        return "ok"

    while True:
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(flaky)
                break
        except* ValueError as group:
            log(group)
            await trio.sleep(0.5)
    return attempts, trio.current_time()


@program
async def escalation(trio: Any, log: Log) -> Any:
    with trio.move_on_after(10) as whole:
        for level in ("clerk", "manager", "director"):
            with trio.move_on_after(4):
                await trio.sleep_forever()
            log("escalate from", level, trio.current_time())
    return whole.cancelled_caught, trio.current_time()


@program
async def cancel_in_cleanup_of_sibling(trio: Any, log: Log) -> Any:
    async def first() -> None:
        try:
            await trio.sleep(1)
        finally:
            second_scope.cancel()

    async def second() -> None:
        with second_scope:
            await trio.sleep(9)
        log("second", trio.current_time())

    second_scope = trio.CancelScope()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(first)
        nursery.start_soon(second)


@racy
async def deep_nesting(trio: Any, log: Log) -> Any:
    async def nest(depth: int) -> None:
        if depth == 0:
            await trio.sleep(2)
            raise KeyError("deep")
        async with trio.open_nursery() as nursery:
            nursery.start_soon(nest, depth - 1)
            with trio.CancelScope(shield=depth % 2 == 0):
                try:
                    await trio.sleep(3)
                finally:
                    log(depth, trio.current_time())

    await nest(4)


@program
async def async_generator_in_a_task(trio: Any, log: Log) -> Any:
    async def numbers() -> Any:
        for number in range(3):
            await trio.sleep(1)
            yield number

    total = 0
    async for number in numbers():
        total += number
        log(number, trio.current_time())
    return total


@program
async def exit_stack_of_scopes(trio: Any, log: Log) -> Any:
    from contextlib import AsyncExitStack

    async with AsyncExitStack() as stack:
        scope = stack.enter_context(trio.move_on_after(2))
        nursery = await stack.enter_async_context(trio.open_nursery())
        nursery.start_soon(trio.sleep, 5)
    return scope.cancelled_caught, trio.current_time()


@program
async def cancelled_is_a_base_exception(trio: Any, log: Log) -> Any:
    with trio.move_on_after(1) as scope:
        try:
            await trio.sleep(5)
        except Exception:
            log("never")
    return scope.cancelled_caught, issubclass(trio.Cancelled, Exception)


@program
async def error_keeps_its_context(trio: Any, log: Log) -> Any:
    try:
        async with trio.open_nursery():
            try:
                raise KeyError("first")
            except KeyError:
                raise ValueError("second") from None
    except* ValueError as group:
        error = group.exceptions[0]
        log(error, show(error.__context__), error.__cause__)


@program
async def scope_keeps_the_errors_context(trio: Any, log: Log) -> Any:
    try:
        with trio.CancelScope():
            try:
                raise KeyError("first")
            except KeyError as first:
                raise ValueError("second") from first
    except ValueError as error:
        log(error, show(error.__cause__))


@program
async def wait_for_all_but_slowest(trio: Any, log: Log) -> Any:
    done = 0

    async def work(seconds: float) -> None:
        nonlocal done
        await trio.sleep(seconds)
        done += 1
        if done == 3:
            nursery.cancel_scope.cancel("enough")

    async with trio.open_nursery() as nursery:
        for seconds in (4, 1, 3, 2):
            nursery.start_soon(work, seconds)
    return done, trio.current_time()
