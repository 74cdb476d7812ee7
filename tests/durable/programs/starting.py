"""`Nursery.start` and task_status."""

from __future__ import annotations

from typing import Any

from tests.durable.kit import Log
from tests.durable.programs.register import program, racy


@program
async def start_returns_the_value(trio: Any, log: Log) -> Any:
    async def service(name: str, *, task_status: Any) -> None:
        await trio.sleep(1)
        task_status.started(f"{name} is up")
        await trio.sleep(1)
        log("service ends", trio.current_time())

    async with trio.open_nursery() as nursery:
        log(await nursery.start(service, "s"), trio.current_time())
        log("block ends")


@program
async def start_child_fails_before_started(trio: Any, log: Log) -> Any:
    async def service(*, task_status: Any) -> None:
        await trio.sleep(1)
        raise KeyError("early")

    async with trio.open_nursery() as nursery:
        try:
            await nursery.start(service)
        except KeyError as error:
            log(error)
        await trio.sleep(1)
    return nursery.cancel_scope.cancel_called


@program
async def start_child_fails_after_started(trio: Any, log: Log) -> Any:
    async def service(*, task_status: Any) -> None:
        task_status.started()
        await trio.sleep(1)
        raise KeyError("late")

    async with trio.open_nursery() as nursery:
        await nursery.start(service)
        log("started")
        await trio.sleep(9)


@program
async def start_child_ends_without_started(trio: Any, log: Log) -> Any:
    async def service(*, task_status: Any) -> None:
        await trio.sleep(1)

    async with trio.open_nursery() as nursery:
        await nursery.start(service)


@program
async def start_started_twice(trio: Any, log: Log) -> Any:
    async def service(*, task_status: Any) -> None:
        task_status.started()
        try:
            task_status.started()
        except RuntimeError as error:
            log(error)

    async with trio.open_nursery() as nursery:
        await nursery.start(service)


@program
async def start_cancelled(trio: Any, log: Log) -> Any:
    async def service(*, task_status: Any) -> None:
        try:
            await trio.sleep(9)
        finally:
            log("service cancelled", trio.current_time())

    async with trio.open_nursery() as nursery:
        with trio.move_on_after(1) as scope:
            await nursery.start(service)
        log(scope.cancelled_caught)
        await trio.sleep(1)
    return trio.current_time()


@program
async def start_started_in_a_cancelled_start(trio: Any, log: Log) -> Any:
    async def service(*, task_status: Any) -> None:
        try:
            await trio.sleep(9)
        except trio.Cancelled:
            task_status.started("late")
            log("started all the same")
            raise

    async with trio.open_nursery() as nursery:
        with trio.move_on_after(1) as scope:
            log(await nursery.start(service))
        log(scope.cancelled_caught)


@program
async def start_then_cancel_of_the_start_scope(trio: Any, log: Log) -> Any:
    async def service(*, task_status: Any) -> None:
        task_status.started()
        await trio.sleep(3)
        log("survived", trio.current_time())

    async with trio.open_nursery() as nursery:
        with trio.CancelScope() as scope:
            await nursery.start(service)
            scope.cancel()
            await trio.sleep(1)
    return trio.current_time()


@racy
async def start_into_a_cancelled_nursery(trio: Any, log: Log) -> Any:
    async def service(*, task_status: Any) -> None:
        with trio.CancelScope(shield=True):
            await trio.sleep(1)
        task_status.started("up")
        try:
            await trio.sleep(5)
        finally:
            log("service ends", trio.current_time())

    async with trio.open_nursery() as nursery, trio.open_nursery() as other:
        other.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            log(await other.start(service))
    return trio.current_time(), nursery.cancel_scope.cancel_called


@program
async def start_moves_open_scopes(trio: Any, log: Log) -> Any:
    async def service(*, task_status: Any) -> None:
        with trio.move_on_after(3):
            async with trio.open_nursery() as inner:
                inner.start_soon(trio.sleep, 9)
                task_status.started()
        log("service", trio.current_time())

    async with trio.open_nursery() as nursery:
        await nursery.start(service)
        await trio.sleep(1)
        log("block", trio.current_time())


@program
async def start_keeps_the_nursery_open(trio: Any, log: Log) -> Any:
    async def service(*, task_status: Any) -> None:
        await trio.sleep(2)
        task_status.started()
        await trio.sleep(1)

    async def starter(nursery: Any) -> None:
        await nursery.start(service)
        log("starter", trio.current_time())

    async with trio.open_nursery() as outer:
        async with trio.open_nursery() as nursery:
            outer.start_soon(starter, nursery)
            await trio.sleep(1)
        log("nursery closed", trio.current_time())


@program
async def start_ignored_status(trio: Any, log: Log) -> Any:
    async def service(*, task_status: Any = trio.TASK_STATUS_IGNORED) -> str:
        task_status.started("x")
        return "ran directly"

    return await service()


@program
async def start_puts_open_scopes_under_the_nursery(trio: Any, log: Log) -> Any:
    async def child(task_status: Any) -> None:
        with trio.CancelScope() as scope:
            async with trio.open_nursery() as inner:
                inner.start_soon(trio.sleep_forever)
                task_status.started()
                log(trio.current_effective_deadline())
                try:
                    await trio.sleep(9)
                finally:
                    log("cancelled", trio.current_time())
        log("not its own", scope.cancelled_caught)

    async with trio.open_nursery() as nursery:
        nursery.cancel_scope.deadline = trio.current_time() + 5
        with trio.move_on_after(3):
            await nursery.start(child)
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    return trio.current_time()


@program
async def start_moves_a_waiting_child_into_a_cancelled_nursery(trio: Any, log: Log) -> Any:
    statuses = []

    async def child(task_status: Any) -> None:
        statuses.append(task_status)
        try:
            await trio.sleep_forever()
        finally:
            log("child", trio.current_time())

    async with trio.open_nursery() as outer, trio.open_nursery() as nursery:

        async def elsewhere() -> None:
            await trio.sleep(1)
            nursery.cancel_scope.cancel()
            await trio.sleep(1)
            statuses[0].started()

        outer.start_soon(elsewhere)
        with trio.CancelScope(shield=True):
            await nursery.start(child)
    return trio.current_time()
