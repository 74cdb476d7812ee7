"""Nurseries: children, errors, cancellation, misuse."""

from __future__ import annotations

from typing import Any

from tests.durable.kit import Log
from tests.durable.programs.register import program, racy


@program
async def nursery_empty(trio: Any, log: Log) -> Any:
    async with trio.open_nursery() as nursery:
        pass
    return len(nursery.child_tasks)


@program
async def nursery_waits_for_children(trio: Any, log: Log) -> Any:
    async def child() -> None:
        await trio.sleep(2)
        log("child done")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(child)
        log("block done")
    return trio.current_time()


@program
async def nursery_closed_to_new_arrivals(trio: Any, log: Log) -> Any:
    async with trio.open_nursery() as nursery:
        pass
    nursery.start_soon(trio.sleep, 1)


@program
async def nursery_child_spawns_sibling_after_block(trio: Any, log: Log) -> Any:
    async def child() -> None:
        await trio.sleep(1)
        nursery.start_soon(sibling)

    async def sibling() -> None:
        await trio.sleep(1)
        log("sibling", trio.current_time())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(child)


@program
async def nursery_child_error(trio: Any, log: Log) -> Any:
    async def bad() -> None:
        raise KeyError("bad")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(bad)


@program
async def nursery_child_error_cancels_siblings(trio: Any, log: Log) -> Any:
    async def bad() -> None:
        await trio.sleep(1)
        raise KeyError("bad")

    async def good() -> None:
        try:
            await trio.sleep(9)
        finally:
            log("good ends", trio.current_time())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(good)
        nursery.start_soon(bad)


@program
async def nursery_block_error_cancels_children(trio: Any, log: Log) -> Any:
    async def child() -> None:
        try:
            await trio.sleep(9)
        finally:
            log("child ends", trio.current_time())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(child)
        await trio.sleep(1)
        raise ValueError("block")


@program
async def nursery_two_errors(trio: Any, log: Log) -> Any:
    async def first() -> None:
        await trio.sleep(1)
        raise KeyError("first")

    async def second() -> None:
        try:
            await trio.sleep(9)
        finally:
            raise ValueError("second")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(first)
        nursery.start_soon(second)


@racy
async def nursery_two_errors_at_once(trio: Any, log: Log) -> Any:
    async def bad(name: str) -> None:
        await trio.sleep(1)
        raise KeyError(name)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(bad, "a")
        nursery.start_soon(bad, "b")


@program
async def nursery_error_in_block_and_child(trio: Any, log: Log) -> Any:
    async def child() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise KeyError("child")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(child)
        await trio.sleep(1)
        raise ValueError("block")


@program
async def nursery_loose_single_error(trio: Any, log: Log) -> Any:
    import warnings

    async def bad() -> None:
        raise KeyError("bad")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        manager = trio.open_nursery(strict_exception_groups=False)
    async with manager as nursery:
        nursery.start_soon(bad)


@program
async def nursery_loose_after_cancelled_is_stripped(trio: Any, log: Log) -> Any:
    import warnings

    async def bad() -> None:
        await trio.sleep(1)
        raise KeyError("bad")

    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        manager = trio.open_nursery(strict_exception_groups=False)
    async with manager as nursery:
        nursery.start_soon(bad)
        nursery.start_soon(trio.sleep_forever)
        await trio.sleep_forever()


@program
async def nursery_nested_groups(trio: Any, log: Log) -> Any:
    async def inner() -> None:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bad)

    async def bad() -> None:
        await trio.sleep(1)
        raise KeyError("bad")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(inner)


@program
async def nursery_cancelled_by_hand(trio: Any, log: Log) -> Any:
    async def child() -> None:
        try:
            await trio.sleep_forever()
        except trio.Cancelled as error:
            log(error)
            raise

    async with trio.open_nursery() as nursery:
        nursery.start_soon(child)
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
        log("cancelled")
    return nursery.cancel_scope.cancelled_caught, trio.current_time()


@program
async def nursery_deadline(trio: Any, log: Log) -> Any:
    async with trio.open_nursery() as nursery:
        nursery.cancel_scope.deadline = 3
        nursery.start_soon(trio.sleep, 100)
    return nursery.cancel_scope.cancelled_caught, trio.current_time()


@program
async def nursery_in_a_timeout(trio: Any, log: Log) -> Any:
    async def child(seconds: float) -> None:
        try:
            await trio.sleep(seconds)
            log("done", seconds)
        except trio.Cancelled:
            log("cancelled", seconds)
            raise

    with trio.move_on_after(2) as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(child, 1)
            nursery.start_soon(child, 5)
    return scope.cancelled_caught, trio.current_time()


@program
async def nursery_error_in_a_timeout_that_passed(trio: Any, log: Log) -> Any:
    async def child() -> None:
        try:
            await trio.sleep(5)
        finally:
            raise KeyError("cleanup")

    with trio.move_on_after(2) as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(child)
            nursery.start_soon(trio.sleep, 9)
    return scope.cancelled_caught


@program
async def nursery_child_cancels_it(trio: Any, log: Log) -> Any:
    async def child() -> None:
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
        log("went on")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(child)
        nursery.start_soon(trio.sleep_forever)
    return trio.current_time()


@program
async def nursery_race(trio: Any, log: Log) -> Any:
    async def racer(name: str, seconds: float) -> None:
        await trio.sleep(seconds)
        winners.append(name)
        nursery.cancel_scope.cancel()

    winners: list[str] = []
    async with trio.open_nursery() as nursery:
        for number in (3, 1, 2):
            nursery.start_soon(racer, f"r{number}", number)
    return winners, trio.current_time()


@program
async def nursery_started_in_a_cancelled_scope(trio: Any, log: Log) -> Any:
    async def child() -> None:
        log("child runs to its first checkpoint")
        await trio.lowlevel.checkpoint()
        log("never")

    with trio.CancelScope() as scope:
        scope.cancel()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(child)
            log("block goes on")
    return scope.cancelled_caught


@program
async def nursery_exit_lets_others_run(trio: Any, log: Log) -> Any:
    async def child() -> None:
        log("child")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(child)
        for _ in range(2):
            async with trio.open_nursery():
                pass
        log("block")


@program
async def nursery_exit_is_not_a_cancel_point(trio: Any, log: Log) -> Any:
    with trio.CancelScope() as scope:
        scope.cancel()
        async with trio.open_nursery():
            pass
        log("came out")
    return scope.cancelled_caught


@program
async def nursery_child_scope_is_its_own(trio: Any, log: Log) -> Any:
    async def child() -> None:
        with trio.move_on_after(1):
            await trio.sleep(9)
        log("child", trio.current_time())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(child)
        await trio.sleep(3)
        log("block", trio.current_time())


@program
async def nursery_scope_of_the_nursery_not_of_the_spawner(trio: Any, log: Log) -> Any:
    async with trio.open_nursery() as nursery:
        with trio.CancelScope() as scope:
            scope.cancel()
            nursery.start_soon(trio.sleep, 2)
            await trio.lowlevel.checkpoint()
    return scope.cancelled_caught, trio.current_time()


@program
async def nursery_stop_iteration_from_child(trio: Any, log: Log) -> Any:
    async def child() -> None:
        raise StopAsyncIteration("x")

    async with trio.open_nursery() as nursery:
        nursery.start_soon(child)


@program
async def nursery_errors_and_except_star(trio: Any, log: Log) -> Any:
    async def bad(error: Exception, seconds: float) -> None:
        try:
            await trio.sleep(seconds)
        finally:
            raise error

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(bad, KeyError("k"), 1)
            nursery.start_soon(bad, ValueError("v"), 2)
    except* KeyError as group:
        log("keys", group)
    except* ValueError as group:
        log("values", group)


@program
async def nursery_not_an_async_function(trio: Any, log: Log) -> Any:
    def plain() -> None:
        log("called")

    async with trio.open_nursery() as nursery:
        try:
            nursery.start_soon(plain)
        except TypeError as error:
            log(type(error))


@program
async def nursery_sync_with(trio: Any, log: Log) -> Any:
    with trio.open_nursery():
        pass


@program
async def nursery_child_tasks(trio: Any, log: Log) -> Any:
    async with trio.open_nursery() as nursery:
        nursery.start_soon(trio.sleep, 1, name="one")
        nursery.start_soon(trio.sleep, 2, name="two")
        log(sorted(task.name for task in nursery.child_tasks))
        await trio.sleep(1.5)
        log([task.name for task in nursery.child_tasks], nursery.parent_task is trio.lowlevel.current_task())
        log([len(task.child_nurseries) for task in [trio.lowlevel.current_task()]])


@program
async def nursery_context_variables(trio: Any, log: Log) -> Any:
    from contextvars import ContextVar

    var: ContextVar[str] = ContextVar("var", default="unset")

    async def child() -> None:
        log("child", var.get())
        var.set("child's")
        await trio.sleep(1)
        log("child", var.get())

    var.set("parent's")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(child)
        await trio.sleep(0.5)
        log("parent", var.get())
    return var.get()


@program
async def nursery_misnested(trio: Any, log: Log) -> Any:
    scope = trio.CancelScope()
    inner = trio.CancelScope()
    scope.__enter__()
    inner.__enter__()
    try:
        scope.__exit__(None, None, None)
    except RuntimeError as error:
        log(str(error)[:29])
    inner.__exit__(None, None, None)
    await trio.sleep(1)
    return trio.current_time()


@program
async def scope_exited_twice(trio: Any, log: Log) -> Any:
    scope = trio.CancelScope()
    scope.__enter__()
    scope.__exit__(None, None, None)
    try:
        scope.__exit__(None, None, None)
    except RuntimeError as error:
        log(str(error)[:29])


@program
async def scope_exited_from_another_task(trio: Any, log: Log) -> Any:
    async def child() -> None:
        try:
            scope.__exit__(None, None, None)
        except RuntimeError as error:
            log(str(error)[:29])

    with trio.CancelScope() as scope:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(child)


@program
async def nursery_abandoned_by_its_task(trio: Any, log: Log) -> Any:
    async def child() -> None:
        await trio.open_nursery().__aenter__()

    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(child)
    except* RuntimeError as group:
        log(len(group.exceptions), str(group.exceptions[0])[:23])
