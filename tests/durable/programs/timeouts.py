"""Timeouts and sleeping."""

from __future__ import annotations

from typing import Any

from tests.durable.kit import Log, show
from tests.durable.programs.register import program, racy


@program
async def move_on_after_zero(trio: Any, log: Log) -> Any:
    with trio.move_on_after(0) as scope:
        await trio.lowlevel.checkpoint()
        log("never")
    return scope.cancelled_caught


@program
async def move_on_at_now(trio: Any, log: Log) -> Any:
    await trio.sleep(2)
    with trio.move_on_at(2) as scope:
        await trio.sleep(1)
    return scope.cancelled_caught, trio.current_time()


@program
async def fail_after_fails(trio: Any, log: Log) -> Any:
    try:
        with trio.fail_after(2):
            await trio.sleep(5)
    except trio.TooSlowError as error:
        return show(error), trio.current_time()


@program
async def fail_at_in_time(trio: Any, log: Log) -> Any:
    with trio.fail_at(5) as scope:
        await trio.sleep(2)
    return scope.cancelled_caught, trio.current_time()


@program
async def fail_after_cancelled_by_hand(trio: Any, log: Log) -> Any:
    with trio.fail_after(5) as scope:
        scope.cancel()
        await trio.sleep(1)


@program
async def fail_after_cancelled_from_outside(trio: Any, log: Log) -> Any:
    with trio.move_on_after(1) as outer, trio.fail_after(5):
        await trio.sleep(9)
    return outer.cancelled_caught


@program
async def fail_after_in_fail_after(trio: Any, log: Log) -> Any:
    try:
        with trio.fail_after(5):
            try:
                with trio.fail_after(2):
                    await trio.sleep(9)
            except trio.TooSlowError:
                log("inner", trio.current_time())
            await trio.sleep(9)
    except trio.TooSlowError:
        log("outer", trio.current_time())


@program
async def timeout_shields(trio: Any, log: Log) -> Any:
    with trio.move_on_after(1):
        with trio.fail_after(3, shield=True):
            await trio.sleep(2)
        log(trio.current_time())
        await trio.lowlevel.checkpoint()
        log("not here")


@program
async def sleep_zero_is_a_checkpoint(trio: Any, log: Log) -> Any:
    with trio.CancelScope() as scope:
        scope.cancel()
        await trio.sleep(0)
        log("never")
    return scope.cancelled_caught


@program
async def sleep_until_past(trio: Any, log: Log) -> Any:
    await trio.sleep(3)
    await trio.sleep_until(1)
    return trio.current_time()


@program
async def sleep_negative(trio: Any, log: Log) -> Any:
    await trio.sleep(-1)


@program
async def sleep_nan(trio: Any, log: Log) -> Any:
    await trio.sleep(float("nan"))


@program
async def sleep_fractions(trio: Any, log: Log) -> Any:
    for _ in range(10):
        await trio.sleep(0.125)
    return trio.current_time()


@program
async def sleep_forever_in_a_timeout(trio: Any, log: Log) -> Any:
    with trio.move_on_after(2):
        await trio.sleep_forever()
    return trio.current_time()


@program
async def sleeps_in_order_of_time(trio: Any, log: Log) -> Any:
    async def sleeper(seconds: float) -> None:
        await trio.sleep(seconds)
        log(seconds, trio.current_time())

    async with trio.open_nursery() as nursery:
        for seconds in (3, 1, 2, 0.5):
            nursery.start_soon(sleeper, seconds)


@racy
async def sleeps_of_one_time(trio: Any, log: Log) -> Any:
    async def sleeper(name: str) -> None:
        await trio.sleep(1)
        log(name)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(sleeper, "a")
        nursery.start_soon(sleeper, "b")
