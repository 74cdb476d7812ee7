"""Corners that somebody who knows Trio would look into."""

from __future__ import annotations

import warnings
from contextlib import aclosing, asynccontextmanager
from contextvars import ContextVar
from typing import Any

from tests.durable.kit import Log
from tests.durable.programs.register import program

COLOUR = ContextVar("colour", default="none")

# -- starting ---------------------------------------------------------------------------------------------------------


@program
async def start_within_a_start(trio: Any, log: Log) -> Any:
    async def leaf(task_status: Any) -> None:
        await trio.sleep(1)
        task_status.started("leaf")
        await trio.sleep(1)
        log("leaf ends", trio.current_time())

    async def branch(nursery: Any, task_status: Any) -> None:
        log("branch has", await nursery.start(leaf))
        task_status.started("branch")
        await trio.sleep(5)
        log("branch ends", trio.current_time())

    async with trio.open_nursery() as nursery:
        log(await nursery.start(branch, nursery), trio.current_time())
    log(trio.current_time())


@program
async def a_grandchild_says_that_it_is_started(trio: Any, log: Log) -> Any:
    async def leaf(task_status: Any) -> None:
        await trio.sleep(2)
        task_status.started("from the leaf")
        await trio.sleep(1)
        raise KeyError("leaf")

    async def branch(task_status: Any) -> None:
        try:
            async with trio.open_nursery() as inner:
                inner.start_soon(leaf, task_status)
        except* KeyError as group:
            log("the branch caught", group)

    async with trio.open_nursery() as nursery:
        log(await nursery.start(branch), trio.current_time())
    log(trio.current_time())


@program
async def a_child_that_is_cancelled_by_a_scope_of_its_own_never_starts(trio: Any, log: Log) -> Any:
    async def service(task_status: Any) -> None:
        with trio.CancelScope() as scope:
            scope.cancel()
            await trio.sleep(0)

    async with trio.open_nursery() as nursery:
        try:
            await nursery.start(service)
        except RuntimeError as error:
            log(error)


@program
async def a_started_child_keeps_the_context_of_start(trio: Any, log: Log) -> Any:
    async def child(task_status: Any) -> None:
        log(COLOUR.get())
        COLOUR.set("child's")
        task_status.started()
        await trio.sleep(1)
        log(COLOUR.get())

    COLOUR.set("parent's")
    async with trio.open_nursery() as nursery:
        await nursery.start(child)
        log(COLOUR.get())
        COLOUR.set("later")


# -- shields and deadlines --------------------------------------------------------------------------------------------


@program
async def a_shield_that_is_put_up_in_a_cancelled_scope(trio: Any, log: Log) -> Any:
    with trio.CancelScope() as outer, trio.CancelScope() as inner:
        outer.cancel()
        inner.shield = True
        await trio.sleep(1)
        log("slept", trio.current_time())
        inner.shield = False
        await trio.sleep(1)
        log("not reached")
    log(outer.cancelled_caught, inner.cancelled_caught)


@program
async def a_shield_that_another_task_puts_up_before_the_deadline(trio: Any, log: Log) -> Any:
    async def toggles() -> None:
        await trio.sleep(1)
        scope.shield = True
        await trio.sleep(3)
        scope.shield = False
        log("down", trio.current_time())

    scope = trio.CancelScope()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(toggles)
        with trio.move_on_after(2) as outer, scope:
            await trio.sleep_forever()
        log(trio.current_time(), outer.cancelled_caught, scope.cancelled_caught)


@program
async def a_deadline_that_is_moved_while_the_code_waits(trio: Any, log: Log) -> Any:
    async def moves() -> None:
        await trio.sleep(1)
        scope.deadline = trio.current_time() + 1
        await trio.sleep(0.5)
        scope.deadline += 5
        await trio.sleep(2)
        scope.deadline = float("inf")
        await trio.sleep(10)
        scope.deadline = trio.current_time() - 1

    async with trio.open_nursery() as nursery:
        with trio.move_on_after(10) as scope:
            nursery.start_soon(moves)
            await trio.sleep_forever()
        log(trio.current_time(), scope.cancelled_caught, scope.deadline)


@program
async def a_timeout_that_is_over_behind_a_shield(trio: Any, log: Log) -> Any:
    try:
        with trio.fail_after(1) as scope:
            with trio.CancelScope(shield=True):
                await trio.sleep(2)
            log("no checkpoint since", scope.cancel_called)
        log("left", scope.cancelled_caught)
        with trio.move_on_after(1) as outer:
            try:
                with trio.fail_after(3, shield=True):
                    await trio.sleep_forever()
            except trio.TooSlowError:
                log("too slow", trio.current_time())
            await trio.sleep(0)
    finally:
        log(outer.cancelled_caught)


# -- cancelled, woken, or both ----------------------------------------------------------------------------------------


@program
async def woken_and_then_cancelled_at_one_moment(trio: Any, log: Log) -> Any:
    async def waits() -> None:
        with scope:
            await event.wait()
            log("the event wins")
            await trio.sleep(0)
            log("not reached")
        log(scope.cancelled_caught)

    for order in ("set, cancel", "cancel, set"):
        event, scope = trio.Event(), trio.CancelScope()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(waits)
            await trio.sleep(1)
            for each in order.split(", "):
                {"set": event.set, "cancel": scope.cancel}[each]()


@program
async def notified_and_then_cancelled_at_one_moment(trio: Any, log: Log) -> Any:
    async def waits() -> None:
        with scope:
            async with condition:
                try:
                    await condition.wait()
                except trio.Cancelled:
                    log("cancelled, and has the lock:", condition.locked())
                    raise
        log(scope.cancelled_caught, condition.locked())

    condition, scope = trio.Condition(), trio.CancelScope()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(waits)
        await trio.sleep(1)
        async with condition:
            condition.notify()
            scope.cancel()
            await trio.sleep(1)
            log("released")


@program
async def a_notification_passes_over_who_was_cancelled(trio: Any, log: Log) -> Any:
    async def waits(name: str, seconds: float) -> None:
        with trio.move_on_after(seconds) as scope:
            async with condition:
                await condition.wait()
                log(name, "woken", trio.current_time())
        log(name, scope.cancelled_caught)

    condition = trio.Condition()
    async with trio.open_nursery() as nursery:
        for name, seconds in (("a", 1), ("b", 100), ("c", 100)):
            nursery.start_soon(waits, name, seconds)
            await trio.sleep(0.25)
        await trio.sleep(2)
        async with condition:
            condition.notify()
        await trio.sleep(1)
        async with condition:
            condition.notify_all()


@program
async def a_clone_is_closed_while_others_wait(trio: Any, log: Log) -> Any:
    async def receives(end: Any, name: str) -> None:
        try:
            log(name, await end.receive(), trio.current_time())
        except (trio.EndOfChannel, trio.ClosedResourceError) as error:
            log(name, error, trio.current_time())

    send, receive = trio.open_memory_channel(0)
    other_send, other_receive = send.clone(), receive.clone()
    async with trio.open_nursery() as nursery:
        nursery.start_soon(receives, receive, "first")
        await trio.sleep(1)
        nursery.start_soon(receives, other_receive, "second")
        await trio.sleep(1)
        other_receive.close()
        await trio.sleep(1)
        send.close()
        await trio.sleep(1)
        await other_send.send("x")
        other_send.close()
    log(receive.statistics().open_receive_channels)


# -- what is raised ---------------------------------------------------------------------------------------------------


@program
async def a_cancelled_that_is_raised_where_nothing_was_cancelled(trio: Any, log: Log) -> Any:
    async def raises() -> None:
        raise kept

    with trio.move_on_after(1):
        try:
            await trio.sleep_forever()
        except trio.Cancelled as error:
            kept = error
            raise
    try:
        with trio.CancelScope() as scope:
            raise kept
    except trio.Cancelled:
        log("a scope lets it through", scope.cancelled_caught)
    try:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(raises)
    except BaseException as error:
        log("a nursery", error)
    log(nursery.cancel_scope.cancel_called, nursery.cancel_scope.cancelled_caught)


@program
async def groups_that_may_collapse_in_groups_that_may_not(trio: Any, log: Log) -> Any:
    async def fails() -> None:
        raise ValueError("v")

    def opened(strict: bool) -> Any:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            return trio.open_nursery(strict)

    for inner in (True, False):
        for outer in (True, False):
            try:
                async with opened(outer), opened(inner) as nursery:
                    nursery.start_soon(trio.sleep_forever)
                    nursery.start_soon(fails)
            except BaseException as error:
                log(inner, outer, error, hasattr(error, "__notes__"))


@program
async def what_a_handler_raises_from_a_group(trio: Any, log: Log) -> Any:
    async def fails() -> None:
        try:
            raise KeyError("first")
        except KeyError as error:
            raise ValueError("then") from error

    async def fails_while_it_tidies_up() -> None:
        try:
            await trio.sleep_forever()
        finally:
            raise TypeError("tidying up")

    try:
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(fails_while_it_tidies_up)
                await trio.sleep(1)
                nursery.start_soon(fails)
        except* ValueError as group:
            log(group, group.exceptions[0].__cause__)
            raise RuntimeError("wrapped") from group
    except ExceptionGroup as group:
        for each in group.exceptions:
            log(each, type(each.__cause__).__name__, type(each.__context__).__name__)


@program
async def children_that_raise_what_is_no_exception(trio: Any, log: Log) -> Any:
    class Halt(BaseException): ...

    async def raises(error: BaseException) -> None:
        raise error

    for error in (Halt("now"), SystemExit(3), GeneratorExit()):
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(raises, error)
                nursery.start_soon(trio.sleep_forever)
        except BaseExceptionGroup as group:
            log(type(group).__name__, group.exceptions[0] is error)


# -- generators -------------------------------------------------------------------------------------------------------


@program
async def a_generator_that_tidies_up_when_its_reader_is_cancelled(trio: Any, log: Log) -> Any:
    async def ticks() -> Any:
        try:
            for tick in range(10):
                yield tick
                await trio.sleep(1)
        finally:
            log("closing", trio.current_time())
            with trio.CancelScope(shield=True):
                await trio.sleep(1)
            log("closed", trio.current_time())

    async def reads() -> None:
        async with aclosing(ticks()) as source:
            async for tick in source:
                log(tick)

    with trio.move_on_after(2.5):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(reads)
    log("end", trio.current_time())


@program
async def a_service_in_a_context_manager(trio: Any, log: Log) -> Any:
    @asynccontextmanager
    async def service() -> Any:
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.sleep_forever)
            try:
                yield nursery
            finally:
                log("closing", trio.current_time())
                nursery.cancel_scope.cancel()

    try:
        async with service():
            await trio.sleep(1)
            raise ValueError("body")
    except ExceptionGroup as group:
        log(group)
    async with service():
        await trio.sleep(1)
    log(trio.current_time())
