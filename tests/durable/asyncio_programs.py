"""Small programs in asyncio's words.  Each runs on real asyncio, in virtual time, and on the durable one."""

from __future__ import annotations

import contextvars
from typing import Any

from tests.durable.kit import Log, Program

PROGRAMS: dict[str, Program] = {}


def program(function: Program) -> Program:
    PROGRAMS[function.__name__] = function  # type: ignore[attr-defined]
    return function


async def after(asyncio: Any, seconds: float, value: Any, log: Log | None = None) -> Any:
    try:
        await asyncio.sleep(seconds)
    except asyncio.CancelledError:
        if log is not None:
            log("cancelled", value)
        raise
    if isinstance(value, Exception):
        raise value
    return value


def now(asyncio: Any) -> float:
    return round(asyncio.get_running_loop().time(), 6)


@program
async def sleep_gives_its_result(asyncio: Any, log: Log) -> Any:
    return await asyncio.sleep(1, "x"), await asyncio.sleep(-1, "y"), now(asyncio)


@program
async def gather_in_order(asyncio: Any, log: Log) -> Any:
    return await asyncio.gather(after(asyncio, 2, "a"), after(asyncio, 1, "b")), now(asyncio)


@program
async def gather_nothing(asyncio: Any, log: Log) -> Any:
    return await asyncio.gather()


@program
async def gather_fails_first(asyncio: Any, log: Log) -> Any:
    try:
        await asyncio.gather(after(asyncio, 2, "a", log), after(asyncio, 1, KeyError("b")))
    except KeyError as error:
        log(error, now(asyncio))
    await asyncio.sleep(3)


@program
async def gather_returns_exceptions(asyncio: Any, log: Log) -> Any:
    return await asyncio.gather(
        after(asyncio, 2, "a"), after(asyncio, 1, KeyError("b")), return_exceptions=True
    )


@program
async def gather_cancelled_by_timeout(asyncio: Any, log: Log) -> Any:
    try:
        await asyncio.wait_for(asyncio.gather(after(asyncio, 5, "a", log), after(asyncio, 6, "b", log)), 2)
    except TimeoutError as error:
        log(error, now(asyncio))


@program
async def wait_for_in_time(asyncio: Any, log: Log) -> Any:
    return await asyncio.wait_for(after(asyncio, 1, "a"), 2), await asyncio.wait_for(after(asyncio, 1, "b"), None)


@program
async def wait_for_too_late(asyncio: Any, log: Log) -> Any:
    try:
        await asyncio.wait_for(after(asyncio, 5, "a", log), 2)
    except asyncio.TimeoutError as error:
        log(type(error), now(asyncio))


@program
async def wait_for_inner_error(asyncio: Any, log: Log) -> Any:
    await asyncio.wait_for(after(asyncio, 1, ValueError("v")), 2)


@program
async def timeout_expires(asyncio: Any, log: Log) -> Any:
    try:
        async with asyncio.timeout(2) as timeout:
            await asyncio.sleep(5)
    except TimeoutError:
        log(timeout.expired(), now(asyncio))


@program
async def timeout_in_time(asyncio: Any, log: Log) -> Any:
    async with asyncio.timeout(2) as timeout:
        await asyncio.sleep(1)
    await asyncio.sleep(5)
    return timeout.expired()


@program
async def timeout_rescheduled(asyncio: Any, log: Log) -> Any:
    try:
        async with asyncio.timeout(2) as timeout:
            await asyncio.sleep(1)
            timeout.reschedule(timeout.when() + 3)
            await asyncio.sleep(9)
    except TimeoutError:
        return now(asyncio)


@program
async def timeout_none(asyncio: Any, log: Log) -> Any:
    async with asyncio.timeout(None) as timeout:
        await asyncio.sleep(1)
    return timeout.when()


@program
async def timeout_at_a_time(asyncio: Any, log: Log) -> Any:
    try:
        async with asyncio.timeout_at(asyncio.get_running_loop().time() + 2):
            await asyncio.sleep(9)
    except TimeoutError:
        return now(asyncio)


@program
async def timeouts_nested(asyncio: Any, log: Log) -> Any:
    try:
        async with asyncio.timeout(5):
            try:
                async with asyncio.timeout(2):
                    await asyncio.sleep(9)
            except TimeoutError:
                log("inner", now(asyncio))
            await asyncio.sleep(9)
    except TimeoutError:
        log("outer", now(asyncio))


@program
async def timeout_error_wins(asyncio: Any, log: Log) -> Any:
    async with asyncio.timeout(2):
        try:
            await asyncio.sleep(5)
        finally:
            raise KeyError("cleanup")


@program
async def cancellation_is_edge_triggered(asyncio: Any, log: Log) -> Any:
    async with asyncio.TaskGroup() as group:
        async def stubborn() -> None:
            try:
                await asyncio.sleep(9)
            except asyncio.CancelledError:
                log("once", now(asyncio))
            await asyncio.sleep(1)
            log("went on", now(asyncio))

        task = group.create_task(stubborn())
        await asyncio.sleep(1)
        log(task.cancel(), task.cancelling())
    return task.cancelled(), task.done(), task.cancel()


@program
async def cancel_before_the_start(asyncio: Any, log: Log) -> Any:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(after(asyncio, 1, "a", log))
        task.cancel()
    return task.cancelled()


@program
async def group_results(asyncio: Any, log: Log) -> Any:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(after(asyncio, 3 - n, n)) for n in range(3)]
        log([task.done() for task in tasks])
    return [task.result() for task in tasks], now(asyncio)


@program
async def group_child_fails(asyncio: Any, log: Log) -> Any:
    async with asyncio.TaskGroup() as group:
        group.create_task(after(asyncio, 1, KeyError("bad")))
        group.create_task(after(asyncio, 5, "good", log))
        try:
            await asyncio.sleep(9)
        except asyncio.CancelledError:
            log("block cancelled", now(asyncio))
            raise


@program
async def group_body_fails(asyncio: Any, log: Log) -> Any:
    async with asyncio.TaskGroup() as group:
        group.create_task(after(asyncio, 5, "a", log))
        await asyncio.sleep(1)
        raise ValueError("body")


@program
async def group_several_errors(asyncio: Any, log: Log) -> Any:
    async def bad_cleanup() -> None:
        try:
            await asyncio.sleep(9)
        finally:
            raise ValueError("second")

    async with asyncio.TaskGroup() as group:
        group.create_task(bad_cleanup())
        group.create_task(after(asyncio, 1, KeyError("first")))


@program
async def group_after_it_is_left(asyncio: Any, log: Log) -> Any:
    async with asyncio.TaskGroup() as group:
        pass
    coro = after(asyncio, 1, "a")
    try:
        group.create_task(coro)
    except RuntimeError as error:
        coro.close()
        log(str(error)[-11:])


@program
async def group_in_a_timeout(asyncio: Any, log: Log) -> Any:
    try:
        async with asyncio.timeout(2), asyncio.TaskGroup() as group:
            group.create_task(after(asyncio, 5, "a", log))
            group.create_task(after(asyncio, 1, "b", log))
    except TimeoutError:
        log("timeout", now(asyncio))


@program
async def group_child_cancelled_alone(asyncio: Any, log: Log) -> Any:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(after(asyncio, 5, "a", log))
        other = group.create_task(after(asyncio, 2, "b", log))
        await asyncio.sleep(1)
        task.cancel()
    return task.cancelled(), other.result(), now(asyncio)


@program
async def group_task_cancels_its_parent(asyncio: Any, log: Log) -> Any:
    parent = asyncio.current_task()

    async def child() -> None:
        await asyncio.sleep(1)
        parent.cancel()

    try:
        async with asyncio.TaskGroup() as group:
            group.create_task(child())
            group.create_task(after(asyncio, 9, "a", log))
    except asyncio.CancelledError:
        log("parent cancelled", parent.cancelling(), now(asyncio))
        parent.uncancel()
    await asyncio.sleep(1)
    return now(asyncio)


@program
async def await_a_task_again(asyncio: Any, log: Log) -> Any:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(after(asyncio, 1, "a"))
        log(await task, await task)
    return task.exception(), task.get_name() == task.get_name()


@program
async def cancelling_the_wait_for_a_task_cancels_it(asyncio: Any, log: Log) -> Any:
    async with asyncio.TaskGroup() as group:
        inner = group.create_task(after(asyncio, 9, "inner", log))

        async def outer() -> None:
            try:
                await inner
            except asyncio.CancelledError:
                log("outer", now(asyncio))
                raise

        task = group.create_task(outer())
        await asyncio.sleep(1)
        task.cancel()
    return inner.cancelled(), task.cancelled()


@program
async def shielded_work_goes_on(asyncio: Any, log: Log) -> Any:
    async with asyncio.TaskGroup() as group:
        inner = group.create_task(after(asyncio, 3, "inner", log))
        try:
            async with asyncio.timeout(1):
                await asyncio.shield(inner)
        except TimeoutError:
            log("timeout", now(asyncio), inner.cancelled())
    return inner.result(), now(asyncio)


@program
async def wait_first_completed(asyncio: Any, log: Log) -> Any:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(after(asyncio, n, n)) for n in (3, 1, 2)]
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
        log(sorted(task.result() for task in done), len(pending), now(asyncio))
        done, pending = await asyncio.wait(tasks)
        return sorted(task.result() for task in done), len(pending), now(asyncio)


@program
async def wait_first_exception(asyncio: Any, log: Log) -> Any:
    async def bad() -> Any:
        await asyncio.sleep(2)
        return "not an exception"

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(bad()), group.create_task(after(asyncio, 1, 1))]
        done, pending = await asyncio.wait(tasks, return_when=asyncio.FIRST_EXCEPTION)
        return len(done), len(pending), now(asyncio)


@program
async def wait_with_timeout(asyncio: Any, log: Log) -> Any:
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(after(asyncio, n, n)) for n in (1, 5)]
        done, pending = await asyncio.wait(tasks, timeout=2)
        return len(done), len(pending), now(asyncio)


@program
async def wait_refuses(asyncio: Any, log: Log) -> Any:
    try:
        await asyncio.wait([])
    except ValueError as error:
        log(error)


@program
async def as_completed_in_order(asyncio: Any, log: Log) -> Any:
    for each in asyncio.as_completed([after(asyncio, n, n) for n in (3, 1, 2)]):
        log(await each, now(asyncio))


@program
async def as_completed_with_timeout(asyncio: Any, log: Log) -> Any:
    try:
        for each in asyncio.as_completed([after(asyncio, n, n) for n in (1, 5)], timeout=3):
            log(await each, now(asyncio))
    except TimeoutError:
        log("timeout", now(asyncio))


@program
async def event_set_and_cleared(asyncio: Any, log: Log) -> Any:
    event = asyncio.Event()

    async def waiter() -> None:
        log(await event.wait(), now(asyncio))

    async with asyncio.TaskGroup() as group:
        group.create_task(waiter())
        await asyncio.sleep(1)
        event.set()
        event.clear()
        log(event.is_set())


@program
async def lock_in_order(asyncio: Any, log: Log) -> Any:
    lock = asyncio.Lock()

    async def worker(name: str, seconds: float) -> None:
        await asyncio.sleep(seconds)
        async with lock:
            log(name, now(asyncio))
            await asyncio.sleep(2)

    async with asyncio.TaskGroup() as group:
        for number, name in enumerate("abc"):
            group.create_task(worker(name, number / 10))
    try:
        lock.release()
    except RuntimeError as error:
        log(error)
    return lock.locked()


@program
async def semaphores(asyncio: Any, log: Log) -> Any:
    semaphore = asyncio.BoundedSemaphore(2)

    async def worker(seconds: float) -> None:
        await asyncio.sleep(seconds)
        async with semaphore:
            log(seconds, now(asyncio), semaphore.locked())
            await asyncio.sleep(2)

    async with asyncio.TaskGroup() as group:
        for number in range(4):
            group.create_task(worker(number / 10))
    try:
        semaphore.release()
    except ValueError as error:
        log(error)


@program
async def condition_notifies(asyncio: Any, log: Log) -> Any:
    condition = asyncio.Condition()
    ready = False

    async def waiter(seconds: float) -> None:
        await asyncio.sleep(seconds)
        async with condition:
            await condition.wait_for(lambda: ready)
            log(seconds, now(asyncio))

    async with asyncio.TaskGroup() as group:
        group.create_task(waiter(0.1))
        group.create_task(waiter(0.2))
        await asyncio.sleep(1)
        async with condition:
            condition.notify_all()
        await asyncio.sleep(1)
        async with condition:
            ready = True
            condition.notify_all()


@program
async def queue_between_tasks(asyncio: Any, log: Log) -> Any:
    queue = asyncio.Queue(2)

    async def consumer() -> None:
        while True:
            item = await queue.get()
            await asyncio.sleep(1)
            log(item, now(asyncio))
            queue.task_done()

    async with asyncio.TaskGroup() as group:
        task = group.create_task(consumer())
        for number in range(5):
            await queue.put(number)
        log("all put", queue.qsize(), queue.full())
        await queue.join()
        task.cancel()
    return queue.empty(), now(asyncio)


@program
async def queue_kinds(asyncio: Any, log: Log) -> Any:
    for kind in (asyncio.Queue, asyncio.LifoQueue, asyncio.PriorityQueue):
        queue = kind(3)
        for number in (2, 1, 3):
            queue.put_nowait(number)
        try:
            queue.put_nowait(4)
        except asyncio.QueueFull as error:
            log(type(error))
        log([queue.get_nowait() for _ in range(3)])
        try:
            queue.get_nowait()
        except asyncio.QueueEmpty as error:
            log(type(error))


@program
async def queue_get_in_a_timeout_loses_nothing(asyncio: Any, log: Log) -> Any:
    queue = asyncio.Queue()
    try:
        async with asyncio.timeout(1):
            await queue.get()
    except TimeoutError:
        log("timeout", now(asyncio))
    await queue.put("kept")
    return await queue.get()


@program
async def done_callbacks(asyncio: Any, log: Log) -> Any:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(after(asyncio, 1, "a"))
        task.add_done_callback(lambda done: log("done", done.result()))


@program
async def current_task_is_one(asyncio: Any, log: Log) -> Any:
    me = asyncio.current_task()

    async def child() -> None:
        log(asyncio.current_task() is not me)

    async with asyncio.TaskGroup() as group:
        group.create_task(child())
    return asyncio.current_task() is me


@program
async def done_callbacks_run_soon(asyncio: Any, log: Log) -> Any:
    async with asyncio.TaskGroup() as group:
        task = group.create_task(after(asyncio, 1, "a"))
        forgotten = log
        task.add_done_callback(lambda done: log("first", done is task))
        task.add_done_callback(forgotten)
        task.remove_done_callback(forgotten)
        log(await task)
        task.add_done_callback(lambda done: log("second"))
        log("not yet")
        await asyncio.sleep(0)


@program
async def done_callbacks_have_their_callers_context(asyncio: Any, log: Log) -> Any:
    variable = contextvars.ContextVar("variable", default="none")

    async def child() -> None:
        variable.set("the child's")

    async with asyncio.TaskGroup() as group:
        task = group.create_task(child())
        variable.set("the parent's")
        task.add_done_callback(lambda done: log(variable.get()))
        variable.set("later")
        await asyncio.sleep(1)


@program
async def group_task_in_a_context(asyncio: Any, log: Log) -> Any:
    variable = contextvars.ContextVar("variable", default=0)

    async def child() -> int:
        await asyncio.sleep(1)
        variable.set(variable.get() + 1)
        return variable.get()

    given = contextvars.copy_context()
    given.run(variable.set, 10)
    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(child(), context=given), group.create_task(child(), context=given)]
        other = group.create_task(child())
    return [task.result() for task in tasks], other.result(), given[variable], variable.get()


@program
async def a_task_that_cancels_itself(asyncio: Any, log: Log) -> Any:
    async def child() -> None:
        asyncio.current_task().cancel("enough")
        log("goes on until it waits")
        try:
            await asyncio.sleep(0)
        except asyncio.CancelledError as error:
            log(error.args)
            raise

    async with asyncio.TaskGroup() as group:
        task = group.create_task(child())
    return task.cancelled()


@program
async def two_cancels_before_the_task_hears_of_one_are_one(asyncio: Any, log: Log) -> Any:
    async def stubborn(name: str, wait: Any) -> None:
        for attempt in range(3):
            try:
                await wait()
                log(name, "waited", attempt)
            except asyncio.CancelledError as error:
                log(name, attempt, error.args, asyncio.current_task().cancelling())

    event = asyncio.Event()
    async with asyncio.TaskGroup() as group:
        never = group.create_task(asyncio.sleep(9))
        for name, wait in (
            ("sleep", lambda: asyncio.sleep(5)),
            ("event", event.wait),
            ("task", lambda: asyncio.shield(never)),
        ):
            task = group.create_task(stubborn(name, wait))
            await asyncio.sleep(1)
            task.cancel("first")
            task.cancel("second")
            await asyncio.sleep(1)
            task.cancel()
            await asyncio.sleep(0)
        unborn = group.create_task(stubborn("unborn", lambda: asyncio.sleep(1)))
        unborn.cancel()
        unborn.cancel()
        event.set()


@program
async def all_tasks_are_those_that_have_not_ended(asyncio: Any, log: Log) -> Any:
    def others() -> list[str]:
        return sorted(task.get_name() for task in asyncio.all_tasks() if task is not main)

    main = asyncio.current_task()
    async with asyncio.TaskGroup() as group:
        short = group.create_task(asyncio.sleep(1), name="short")
        short.add_done_callback(lambda task: log("in a callback", others()))
        group.create_task(asyncio.sleep(2), name="long")
        log(others(), main in asyncio.all_tasks())
        await asyncio.sleep(1.5)
        log(others())
    return others()


@program
async def a_loop_of_short_sleeps_is_cancelled(asyncio: Any, log: Log) -> Any:
    async def child() -> None:
        while True:
            await asyncio.sleep(0)

    async with asyncio.TaskGroup() as group:
        task = group.create_task(child())
        await asyncio.sleep(0)
        task.cancel()
    return task.cancelled()


@program
async def timeout_of_nothing(asyncio: Any, log: Log) -> Any:
    try:
        async with asyncio.timeout(0):
            await asyncio.sleep(0)
    except TimeoutError:
        log("timeout")
    async with asyncio.timeout(-1):
        pass
    limit = asyncio.timeout(1)
    try:
        limit.reschedule(2)
    except RuntimeError as error:
        log(error)


@program
async def wait_again_and_again(asyncio: Any, log: Log) -> Any:
    async with asyncio.TaskGroup() as group:
        pending = {group.create_task(after(asyncio, number % 3, number)) for number in range(6)}
        while pending:
            done, pending = await asyncio.wait(pending, return_when=asyncio.FIRST_COMPLETED)
            log(sorted(task.result() for task in done), now(asyncio))
        try:
            await asyncio.wait(after)
        except TypeError:
            log("not iterable")
        try:
            await asyncio.wait(asyncio.current_task())
        except TypeError:
            log("not iterable either")


@program
async def futures_settled_by_hand(asyncio: Any, log: Log) -> Any:
    made = asyncio.get_running_loop().create_future()
    log(made.done(), asyncio.isfuture(made), asyncio.isfuture(3))

    async def settle() -> None:
        await asyncio.sleep(1)
        made.set_result("it")

    async with asyncio.TaskGroup() as group:
        task = group.create_task(settle())
        log(await made, made.result(), made.exception(), asyncio.isfuture(task))
    for action in (lambda: made.set_result(2), lambda: made.set_exception(KeyError), lambda: task.set_result(1)):
        try:
            action()
        except (RuntimeError, asyncio.InvalidStateError) as error:
            log(type(error).__name__)
    failed = asyncio.Future()
    failed.set_exception(KeyError)
    try:
        await failed
    except KeyError:
        log(failed.exception())
    waited_for = asyncio.Future()
    async with asyncio.TaskGroup() as group:
        task = group.create_task(asyncio.wait_for(waited_for, 9))
        await asyncio.sleep(1)
        task.cancel()
    return waited_for.cancelled(), waited_for.cancel()


@program
async def barrier_lets_pass_together(asyncio: Any, log: Log) -> Any:
    barrier = asyncio.Barrier(3)
    log(barrier.parties, barrier.n_waiting, barrier.broken)

    async def walker(number: int) -> int:
        await asyncio.sleep(number)
        async with barrier as position:
            return position, number, now(asyncio)

    async with asyncio.TaskGroup() as group:
        tasks = [group.create_task(walker(number)) for number in range(6)]
        await asyncio.sleep(1.5)
        log(barrier.n_waiting)
    return sorted(task.result() for task in tasks)


@program
async def barrier_is_broken_and_mended(asyncio: Any, log: Log) -> Any:
    barrier = asyncio.Barrier(2)
    passed: list[str] = []

    async def walker(name: str) -> None:
        try:
            await barrier.wait()
            passed.append(name)
        except asyncio.BrokenBarrierError:
            log(name, "broken")

    async with asyncio.TaskGroup() as group:
        group.create_task(walker("a"))
        await asyncio.sleep(1)
        await barrier.reset()
        await asyncio.sleep(1)
        group.create_task(walker("b"))
        await asyncio.sleep(1)
        await barrier.abort()
        await asyncio.sleep(1)
        log(barrier.broken)
        group.create_task(walker("c"))
        await asyncio.sleep(1)
        await barrier.reset()
        late = group.create_task(walker("cancelled"))
        await asyncio.sleep(1)
        late.cancel()
        await asyncio.sleep(1)
        log(barrier.n_waiting, barrier.broken)
        group.create_task(walker("d"))
        group.create_task(walker("e"))
    try:
        asyncio.Barrier(0)
    except ValueError as error:
        log(error)
    return sorted(passed)


@program
async def as_completed_of_nothing(asyncio: Any, log: Log) -> Any:
    return list(asyncio.as_completed([]))


@program
async def queue_put_waits_and_is_cancelled(asyncio: Any, log: Log) -> Any:
    queue = asyncio.Queue(1)
    await queue.put(1)
    try:
        async with asyncio.timeout(1):
            await queue.put(2)
    except TimeoutError:
        log(queue.qsize())
    return await queue.get(), queue.empty()


@program
async def a_group_that_fails_cancels_who_waits_for_the_failure(asyncio: Any, log: Log) -> Any:
    async def waits(task: Any) -> None:
        await asyncio.wait([task])

    async def awaits(task: Any) -> None:
        await task

    for wait in (waits, awaits):
        try:
            async with asyncio.TaskGroup() as group:
                task = group.create_task(after(asyncio, 1, KeyError("child")))
                try:
                    await wait(task)
                except BaseException as error:
                    log(error)
                    raise
        except* KeyError as group:
            log(group)


@program
async def a_group_that_fails_cancels_a_wait_in_which_others_are_done(asyncio: Any, log: Log) -> Any:
    async def fails(go: Any) -> None:
        await go.wait()
        raise KeyError("child")

    async def succeeds(go: Any) -> None:
        go.set()

    for return_when in (asyncio.ALL_COMPLETED, asyncio.FIRST_EXCEPTION):
        go = asyncio.Event()
        try:
            async with asyncio.TaskGroup() as group:
                tasks = [group.create_task(fails(go)), group.create_task(succeeds(go))]
                await asyncio.wait(tasks, return_when=return_when)
                log("not reached")
        except* KeyError as errors:
            log(errors)


@program
async def wait_for_what_is_done_is_a_wait(asyncio: Any, log: Log) -> Any:
    async def other() -> None:
        log("other")

    async with asyncio.TaskGroup() as group:
        task = group.create_task(other())
        await task
        group.create_task(other())
        log(len((await asyncio.wait([task]))[0]))
        asyncio.current_task().cancel()
        try:
            await asyncio.wait([task])
        except asyncio.CancelledError:
            log("cancelled", asyncio.current_task().uncancel())


@program
async def condition_wakes_in_order(asyncio: Any, log: Log) -> Any:
    condition = asyncio.Condition()

    async def waiter(number: int) -> None:
        async with condition:
            await condition.wait()
            log(number)

    async with asyncio.TaskGroup() as group:
        for number in range(4):
            group.create_task(waiter(number))
        await asyncio.sleep(1)
        async with condition:
            condition.notify_all()
