"""Corners that somebody who knows asyncio would look into; registered beside `asyncio_programs`."""

from __future__ import annotations

from typing import Any

from tests.durable.asyncio_programs import PROGRAMS, after, now, program
from tests.durable.kit import Log

__all__ = ["PROGRAMS"]


@program
async def group_with_two_kinds_of_errors(asyncio: Any, log: Log) -> Any:
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(after(asyncio, 1, ValueError("a")))
            group.create_task(after(asyncio, 1, KeyError("b")))
            other = group.create_task(after(asyncio, 9, "other", log))
            await asyncio.sleep(9)
    except* ValueError as errors:
        log(errors)
    except* KeyError as errors:
        log(errors)
    log(other.cancelled(), now(asyncio))


@program
async def group_whose_task_is_cancelled_from_outside(asyncio: Any, log: Log) -> Any:
    async def works() -> None:
        async with asyncio.TaskGroup() as inner:
            inner.create_task(after(asyncio, 5, "child", log))
            try:
                await asyncio.sleep(9)
            finally:
                log("body ends", now(asyncio))

    async with asyncio.TaskGroup() as group:
        task = group.create_task(works())
        await asyncio.sleep(1)
        log(task.cancel("why"))
    log(task.cancelled(), task.cancelling())
    try:
        task.result()
    except asyncio.CancelledError as error:
        log(error.args)


@program
async def group_that_takes_no_more_once_it_shuts_down(asyncio: Any, log: Log) -> Any:
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(after(asyncio, 1, ValueError("x")))
            try:
                await asyncio.sleep(5)
            except asyncio.CancelledError:
                late = after(asyncio, 1, "late")
                try:
                    group.create_task(late)
                except RuntimeError as error:
                    log(type(error))
                    late.close()
                raise
    except* ValueError as errors:
        log(errors)
    log(asyncio.current_task().cancelling())


@program
async def group_whose_body_cancels_itself(asyncio: Any, log: Log) -> Any:
    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(after(asyncio, 5, "child", log))
            raise asyncio.CancelledError("by hand")
    except asyncio.CancelledError as error:
        log(error.args, now(asyncio))


@program
async def timeout_moved_by_another_task(asyncio: Any, log: Log) -> Any:
    async def moves(timeout: Any) -> None:
        await asyncio.sleep(1)
        timeout.reschedule(now(asyncio) + 3)
        await asyncio.sleep(1)
        timeout.reschedule(None)
        await asyncio.sleep(5)
        timeout.reschedule(now(asyncio) - 1)

    async with asyncio.TaskGroup() as group:
        try:
            async with asyncio.timeout(2) as timeout:
                group.create_task(moves(timeout))
                await asyncio.sleep(100)
        except TimeoutError:
            log(now(asyncio), timeout.expired())


@program
async def timeout_and_a_cancel_before_it(asyncio: Any, log: Log) -> Any:
    async def works() -> None:
        try:
            async with asyncio.timeout(5):
                await asyncio.sleep(10)
        except TimeoutError:
            log("not this")
        except asyncio.CancelledError:
            log("cancelled", asyncio.current_task().cancelling(), now(asyncio))
            raise

    async with asyncio.TaskGroup() as group:
        task = group.create_task(works())
        await asyncio.sleep(1)
        task.cancel()
    log(task.cancelled())


@program
async def timeout_that_the_code_swallows(asyncio: Any, log: Log) -> Any:
    task = asyncio.current_task()
    try:
        async with asyncio.timeout(1) as timeout:
            try:
                await asyncio.sleep(5)
            except asyncio.CancelledError:
                log("swallowed", task.cancelling())
            await asyncio.sleep(1)
            log("went on", now(asyncio))
        log(timeout.expired(), task.cancelling())
    except TimeoutError:
        log("not this")


@program
async def wait_for_a_first_exception_passes_over_the_cancelled(asyncio: Any, log: Log) -> Any:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(after(asyncio, seconds, seconds)) for seconds in (5, 1, 9)]
        group.create_task(after(asyncio, 2, None)).add_done_callback(lambda _: tasks[2].cancel())
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        log(len(done), len(pending), now(asyncio), tasks[2].cancelled())


@program
async def gather_of_a_task_that_another_cancels(asyncio: Any, log: Log) -> Any:
    async with asyncio.TaskGroup() as group:
        first = group.create_task(after(asyncio, 3, "a"))
        second = group.create_task(after(asyncio, 4, "b"))
        group.create_task(after(asyncio, 1, None)).add_done_callback(lambda _: first.cancel())
        try:
            await asyncio.gather(first, second)
        except asyncio.CancelledError:
            log("gathered", now(asyncio))
        results = await asyncio.gather(first, second, return_exceptions=True)
        log([type(each).__name__ for each in results], now(asyncio))


@program
async def shield_whose_waiter_is_cancelled(asyncio: Any, log: Log) -> Any:
    async def waits() -> None:
        await asyncio.shield(inner)

    async with asyncio.TaskGroup() as group:
        inner = group.create_task(after(asyncio, 3, "kept", log))
        outer = group.create_task(waits())
        await asyncio.sleep(1)
        outer.cancel()
        await asyncio.wait([outer])
        log(outer.cancelled(), inner.done(), now(asyncio))
        try:
            await asyncio.wait_for(asyncio.shield(inner), 1)
        except TimeoutError:
            log("in time for nothing", now(asyncio))
    log(inner.result(), now(asyncio))


@program
async def queue_that_is_joined(asyncio: Any, log: Log) -> Any:
    async def works(name: str) -> None:
        while True:
            item = await queue.get()
            await asyncio.sleep(1)
            log(name, item, now(asyncio))
            queue.task_done()

    queue = asyncio.Queue()
    async with asyncio.TaskGroup() as group:
        workers = [group.create_task(works(name)) for name in "ab"]
        for item in range(4):
            queue.put_nowait(item)
        await queue.join()
        log("joined", now(asyncio), queue.empty())
        for worker in workers:
            worker.cancel()


@program
async def a_cancel_that_is_taken_back(asyncio: Any, log: Log) -> Any:
    async def works() -> str:
        task = asyncio.current_task()
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            log(task.cancelling(), task.uncancel(), task.cancelling())
        await asyncio.sleep(1)
        log("went on", now(asyncio))
        return "done"

    async with asyncio.TaskGroup() as group:
        task = group.create_task(works())
        await asyncio.sleep(1)
        task.cancel()
    log(task.result(), task.cancelled())


@program
async def wait_for_what_answers_its_cancellation(asyncio: Any, log: Log) -> Any:
    async def stubborn() -> str:
        try:
            await asyncio.sleep(5)
        except asyncio.CancelledError:
            return "late"
        return "in time"

    try:
        log(await asyncio.wait_for(stubborn(), 1))
    except TimeoutError:
        log("too late", now(asyncio))
