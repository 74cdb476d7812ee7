"""What the primitives say of themselves, and with which words they refuse."""

from __future__ import annotations

from math import inf, nan
from typing import Any

from tests.durable.kit import Log
from tests.durable.programs.register import program


def attempt(log: Log, function: Any, *args: Any, **options: Any) -> None:
    try:
        log(function(*args, **options))
    except Exception as error:
        log(error)


async def attempt_async(log: Log, function: Any, *args: Any) -> None:
    try:
        log(await function(*args))
    except Exception as error:
        log(error)


def shown(statistics: Any, *names: str) -> list[Any]:
    return [getattr(statistics, name) for name in names]


@program
async def words_of_semaphores(trio: Any, log: Log) -> None:
    for args, options in [(("x",), {}), ((-1,), {}), ((1,), {"max_value": "x"}), ((2,), {"max_value": 1})]:
        attempt(log, trio.Semaphore, *args, **options)
    for semaphore in (trio.Semaphore(0), trio.Semaphore(1, max_value=1)):
        log(semaphore.value, semaphore.max_value)
        attempt(log, semaphore.release)
        attempt(log, semaphore.acquire_nowait)
        attempt(log, semaphore.acquire_nowait)
        log(semaphore.value)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(semaphore.acquire)
        await trio.sleep(1)
        log(*shown(semaphore.statistics(), "tasks_waiting"))
        semaphore.release()


@program
async def words_of_limiters(trio: Any, log: Log) -> None:
    for total in ("x", -1, 1.5, nan):
        attempt(log, trio.CapacityLimiter, total)
    limiter = trio.CapacityLimiter(2)
    names = ("borrowed_tokens", "total_tokens", "borrowers", "tasks_waiting")
    attempt(log, limiter.release)
    attempt(log, limiter.release_on_behalf_of, "a")
    attempt(log, limiter.acquire_on_behalf_of_nowait, "a")
    attempt(log, limiter.acquire_on_behalf_of_nowait, "a")
    await attempt_async(log, limiter.acquire_on_behalf_of, "a")
    log(*shown(limiter.statistics(), *names), limiter.available_tokens, limiter.borrowed_tokens)
    limiter.acquire_nowait()
    attempt(log, limiter.acquire_nowait)
    attempt(log, limiter.acquire_on_behalf_of_nowait, "b")
    async with trio.open_nursery() as nursery:
        nursery.start_soon(limiter.acquire_on_behalf_of, "c")
        nursery.start_soon(limiter.acquire_on_behalf_of, "d")
        await trio.sleep(1)
        log(limiter.statistics().tasks_waiting, limiter.available_tokens)
        limiter.total_tokens = 3
        log(limiter.statistics().tasks_waiting, limiter.borrowed_tokens)
        attempt(log, setattr, limiter, "total_tokens", "x")
        limiter.total_tokens = inf
        log(limiter.statistics().tasks_waiting, limiter.total_tokens, limiter.available_tokens)
    limiter.total_tokens = 1
    log(limiter.available_tokens)
    attempt(log, limiter.release_on_behalf_of, "d")
    attempt(log, limiter.acquire_on_behalf_of_nowait, "e")


@program
async def words_of_locks(trio: Any, log: Log) -> None:
    lock = trio.Lock()
    attempt(log, lock.release)
    attempt(log, lock.acquire_nowait)
    attempt(log, lock.acquire_nowait)
    await attempt_async(log, lock.acquire)
    log(lock.locked(), *shown(lock.statistics(), "locked", "tasks_waiting"))
    log(lock.statistics().owner is trio.lowlevel.current_task())

    async def other() -> None:
        attempt(log, lock.acquire_nowait)
        attempt(log, lock.release)
        async with lock:
            log(lock.statistics().owner is trio.lowlevel.current_task())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
        await trio.sleep(1)
        log(*shown(lock.statistics(), "locked", "tasks_waiting"))
        lock.release()
    log(lock.locked(), lock.statistics().owner)


@program
async def words_of_conditions(trio: Any, log: Log) -> None:
    attempt(log, trio.Condition, trio.Semaphore(1))
    attempt(log, trio.Condition, trio.StrictFIFOLock())
    condition = trio.Condition()
    attempt(log, condition.notify)
    attempt(log, condition.notify_all)
    await attempt_async(log, condition.wait)
    attempt(log, condition.acquire_nowait)
    attempt(log, condition.acquire_nowait)
    log(condition.locked(), condition.statistics().lock_statistics.locked)
    condition.release()
    woken = []

    async def waits(name: str) -> None:
        async with condition:
            await condition.wait()
            woken.append(name)

    async with trio.open_nursery() as nursery:
        for name in "abcd":
            await trio.sleep(1)
            nursery.start_soon(waits, name)
        await trio.sleep(1)
        async with condition:
            condition.notify()
            log(condition.statistics().tasks_waiting, condition.statistics().lock_statistics.tasks_waiting)
        await trio.sleep(1)
        log(woken)
        async with condition:
            condition.notify(2)
        await trio.sleep(1)
        log(woken)
        async with condition:
            condition.notify_all()
    log(woken)


@program
async def words_of_events(trio: Any, log: Log) -> None:
    event = trio.Event()
    attempt(log, bool, event)
    async with trio.open_nursery() as nursery:
        nursery.start_soon(event.wait)
        nursery.start_soon(event.wait)
        await trio.sleep(1)
        log(event.is_set(), event.statistics().tasks_waiting)
        event.set()
        log(event.is_set(), event.statistics().tasks_waiting)


@program
async def words_of_channels(trio: Any, log: Log) -> None:
    for size in ("x", -1, 1.5, None):
        attempt(log, trio.open_memory_channel, size)
    names = (
        "current_buffer_used", "max_buffer_size", "open_send_channels", "open_receive_channels",
        "tasks_waiting_send", "tasks_waiting_receive",
    )  # fmt: skip
    send, receive = trio.open_memory_channel(2)
    also_receive, also_send = receive.clone(), send.clone()
    third_receive = also_receive.clone()
    log(*shown(send.statistics(), *names))
    attempt(log, receive.receive_nowait)
    async with trio.open_nursery() as nursery:
        for end in (receive, also_receive, third_receive):
            nursery.start_soon(attempt_async, log, end.receive)
        await trio.sleep(1)
        log(*shown(receive.statistics(), *names))
        third_receive.close()
        await trio.sleep(1)
        log(*shown(receive.statistics(), *names))
        for value in range(4):
            attempt(log, also_send.send_nowait, value)
            await trio.sleep(1)
        attempt(log, send.send_nowait, "too many")
        nursery.start_soon(attempt_async, log, send.send, "waits")
        nursery.start_soon(attempt_async, log, also_send.send, "is closed")
        await trio.sleep(1)
        log(*shown(send.statistics(), *names))
        also_send.close()
        also_send.close()
        await trio.sleep(1)
        attempt(log, receive.receive_nowait)
    log(*shown(send.statistics(), *names))
    for end in (send, also_send, receive, third_receive):
        end.close()
    for function in (send.clone, receive.clone, receive.receive_nowait, third_receive.receive_nowait):
        attempt(log, function)
    attempt(log, send.send_nowait, 1)
    await attempt_async(log, send.send, 1)
    await attempt_async(log, receive.receive)


@program
async def words_of_parking_lots(trio: Any, log: Log) -> None:
    lot, other = trio.lowlevel.ParkingLot(), trio.lowlevel.ParkingLot()
    attempt(log, lot.repark, "x")
    attempt(log, lot.unpark, count=1.5)
    out: list[Any] = []

    async def parks(name: str) -> None:
        try:
            await lot.park()
            out.append(name)
        except trio.BrokenResourceError:
            out.append(f"{name} broken")
        except trio.Cancelled:
            out.append(f"{name} cancelled")
            raise

    async with trio.open_nursery() as nursery:
        for name in "abcdefg":
            nursery.start_soon(parks, name)
            await trio.sleep(1)
        log(len(lot), bool(lot), lot.statistics().tasks_waiting, lot.statistics() == lot.statistics())
        log(lot.statistics() == other.statistics())
        lot.repark(other)
        log(len(lot), len(other))
        lot.repark(other, count=2)
        log(len(lot), len(other))
        other.unpark()
        await trio.sleep(1)
        log(sorted(out), len(other))
        lot.unpark(count=inf)
        await trio.sleep(1)
        log(sorted(out))
        other.break_lot()
        log(len(other), other.broken_by == [trio.lowlevel.current_task()])
        other.break_lot()
        log(len(other.broken_by))
        await trio.sleep(1)
        log(sorted(out))
        nursery.cancel_scope.cancel()
    await attempt_async(log, other.park)
    attempt(log, trio.lowlevel.remove_parking_lot_breaker, trio.lowlevel.current_task(), lot)


@program
async def reparked_tasks_can_be_cancelled(trio: Any, log: Log) -> None:
    lot, other = trio.lowlevel.ParkingLot(), trio.lowlevel.ParkingLot()

    async def parks() -> None:
        with trio.CancelScope() as scope:
            scopes.append(scope)
            await lot.park()
        log("cancelled", scope.cancelled_caught)

    scopes: list[Any] = []
    async with trio.open_nursery() as nursery:
        nursery.start_soon(parks)
        nursery.start_soon(parks)
        await trio.sleep(1)
        lot.repark_all(other)
        scopes[0].cancel()
        await trio.sleep(1)
        log(len(lot), len(other), other.statistics().tasks_waiting)
        other.unpark_all()


@program
async def words_of_nurseries(trio: Any, log: Log) -> None:
    async def waits(task_status: Any = trio.TASK_STATUS_IGNORED) -> None:
        log(task_status.started(1))
        attempt(log, task_status.started, 2)

    async with trio.open_nursery() as nursery:
        log(await nursery.start(waits))
        log(await nursery.start(waits))
    attempt(log, nursery.start_soon, trio.sleep, 1)
    await attempt_async(log, nursery.start, waits)
    attempt(log, trio.open_nursery().__enter__)

    async def forgets(task_status: Any) -> None:
        pass

    async with trio.open_nursery() as nursery:
        await attempt_async(log, nursery.start, forgets)


@program
async def a_name_given_to_start_is_the_tasks(trio: Any, log: Log) -> None:
    async def child(task_status: Any) -> None:
        log(trio.lowlevel.current_task().name)
        log(trio.lowlevel.current_task().eventual_parent_nursery is nursery)
        log(trio.lowlevel.current_task().parent_nursery is nursery)
        task_status.started()
        log(trio.lowlevel.current_task().eventual_parent_nursery is None)
        log(trio.lowlevel.current_task().parent_nursery is nursery)

    async with trio.open_nursery() as nursery:
        await nursery.start(child, name="a name")
        await nursery.start(child, name=child)
        nursery.start_soon(trio.sleep, 1, name="another")
        log([task.name for task in nursery.child_tasks])


@program
async def two_tasks_being_started_keep_the_nursery_open(trio: Any, log: Log) -> None:
    async def slow(seconds: float, task_status: Any) -> None:
        await trio.sleep(seconds)
        task_status.started(seconds)

    async def starts(seconds: float) -> None:
        log(await target.start(slow, seconds))

    async with trio.open_nursery() as outer:
        async with trio.open_nursery() as target:
            outer.start_soon(starts, 1)
            outer.start_soon(starts, 3)
            outer.start_soon(starts, 2)
            await trio.sleep(0.5)
        log("closed")


@program
async def words_of_run_variables(trio: Any, log: Log) -> None:
    variable, other = trio.lowlevel.RunVar("v"), trio.lowlevel.RunVar("w", "default")
    log(variable, other.get(), other.get("given"))
    for args in ((), ("given",)):
        attempt(log, variable.get, *args)
    first = variable.set(1)
    second = variable.set(2)
    log(variable.get(), variable.get("given"))
    attempt(log, other.reset, second)
    for token in (second, second, first, first):
        attempt(log, variable.reset, token)
        attempt(log, variable.get, "none")
    only = other.set(3)
    other.set(4)
    other.reset(only)
    log(other.get())


@program
async def words_of_scopes(trio: Any, log: Log) -> None:
    for options in ({"deadline": nan}, {"relative_deadline": nan}, {"relative_deadline": -1}):
        attempt(log, trio.CancelScope, **options)
    attempt(log, trio.CancelScope, deadline=1, relative_deadline=1)
    scope = trio.CancelScope(relative_deadline=5)
    log(scope.is_relative, scope.relative_deadline, scope.shield)
    attempt(log, lambda: scope.deadline)
    attempt(log, setattr, scope, "deadline", 5)
    attempt(log, setattr, scope, "relative_deadline", -1)
    attempt(log, setattr, scope, "relative_deadline", nan)
    attempt(log, setattr, scope, "shield", 1)
    scope.relative_deadline = 7
    await trio.sleep(1)
    begin = trio.current_time()
    with scope:
        log(scope.is_relative, scope.deadline - begin, scope.relative_deadline, scope.cancel_called)
        attempt(log, setattr, scope, "deadline", nan)
        scope.relative_deadline = 2
        log(scope.deadline - begin)
        attempt(log, scope.__enter__)
        await trio.sleep(3)
    log(scope.cancel_called, scope.cancelled_caught, trio.current_time() - begin)
    attempt(log, scope.__enter__)
    absolute = trio.CancelScope(deadline=trio.current_time() + 5)
    log(absolute.is_relative)
    attempt(log, lambda: absolute.relative_deadline)
    attempt(log, setattr, absolute, "relative_deadline", 5)
    log(absolute.cancel_called)
    await trio.sleep(6)
    log(absolute.cancel_called)  # the clock alone cancels what was not entered
    with absolute:
        await trio.sleep(1)
    log(absolute.cancelled_caught)


@program
async def words_of_names(trio: Any, log: Log) -> None:
    from functools import partial

    async def child(*args: Any) -> None:
        log(trio.lowlevel.current_task().name)
        await trio.sleep(len(names))

    class Callable:
        async def __call__(self) -> None:
            await child()

    names = []
    async with trio.open_nursery() as nursery:
        for function in (child, partial(child, 1), partial(partial(child, 1), 2)):
            nursery.start_soon(function)
            await trio.sleep(1)
        nursery.start_soon(child, name="given")
        await trio.sleep(1)
        nursery.start_soon(child, name=Callable)
        await trio.sleep(1)
        names = [repr(task.name) for task in nursery.child_tasks]


@program
async def a_limiter_that_shrinks_gives_nothing(trio: Any, log: Log) -> None:
    limiter = trio.CapacityLimiter(2)

    async def borrows(name: str) -> None:
        await limiter.acquire_on_behalf_of(name)
        log(name)

    async with trio.open_nursery() as nursery:
        for name in "abcd":
            nursery.start_soon(borrows, name)
            await trio.sleep(1)
        limiter.total_tokens = 1
        limiter.release_on_behalf_of("a")
        await trio.sleep(1)
        log(limiter.borrowed_tokens, limiter.available_tokens, limiter.statistics().tasks_waiting)
        limiter.release_on_behalf_of("b")
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    log(limiter.borrowed_tokens, limiter.statistics().tasks_waiting, list(limiter.statistics().borrowers))


def chain(error: BaseException | None) -> list[str]:
    """An error and what it names as its context, member by member."""
    if error is None:
        return []
    members = error.exceptions if isinstance(error, BaseExceptionGroup) else ()
    return [
        f"{type(error).__name__}({', '.join(str(chain(member)) for member in members) or error})",
        *chain(error.__context__),
    ]


@program
async def errors_keep_their_contexts(trio: Any, log: Log) -> None:
    async def fails() -> None:
        try:
            raise KeyError("of the child")
        except KeyError:
            raise ValueError("child")  # noqa: B904 -- the context is the point

    async def in_nursery(strict: bool) -> None:
        async with trio.open_nursery(strict_exception_groups=strict) as nursery:
            nursery.start_soon(fails)

    async def in_body(strict: bool) -> None:
        async with trio.open_nursery(strict_exception_groups=strict):
            await fails()

    async def in_cancelled_scope(strict: bool) -> None:
        with trio.CancelScope() as scope:
            async with trio.open_nursery(strict_exception_groups=strict) as nursery:
                nursery.start_soon(fails)
                nursery.start_soon(trio.sleep_forever)
                await trio.sleep(1)
                scope.cancel()

    for function in (in_nursery, in_body, in_cancelled_scope):
        for strict in (True, False):
            try:
                try:
                    raise IndexError("outside")
                except IndexError:
                    await function(strict)
            except Exception as error:
                log(chain(error))


@program
async def the_nearest_deadline_counts(trio: Any, log: Log) -> None:
    begin = trio.current_time()
    for deadlines in ((3, 2, 1), (1, 2, 3), (2, 1, 3)):
        first, second, third = (trio.move_on_at(begin + each) for each in deadlines)
        with first, second, third:
            log(trio.current_effective_deadline() - begin)
            second.shield = True
            log(trio.current_effective_deadline() - begin)
            first.cancel()
            log(trio.current_effective_deadline() - begin)
            second.shield = False
            log(trio.current_effective_deadline())
    for scope in (trio.move_on_at(5), trio.move_on_at(5, shield=True), trio.move_on_after(5, shield=True)):
        log(scope.shield)


@program
async def a_token_is_borrowed_by_the_task_that_asks(trio: Any, log: Log) -> None:
    limiter = trio.CapacityLimiter(2)
    limiter.acquire_nowait()
    log(list(limiter.statistics().borrowers) == [trio.lowlevel.current_task()])
    limiter.release()
    async with limiter:
        log(list(limiter.statistics().borrowers) == [trio.lowlevel.current_task()])
    log(limiter.borrowed_tokens)


@program
async def a_scope_left_before_its_nursery_cancels_nobody(trio: Any, log: Log) -> None:
    async def waits() -> None:
        await trio.sleep(100)
        log("slept")

    scope, manager = trio.CancelScope(), trio.open_nursery()
    scope.__enter__()
    nursery = await manager.__aenter__()
    nursery.start_soon(waits)
    await trio.sleep(1)
    for leave in (scope.__exit__, manager.__aexit__):
        try:
            left = leave(None, None, None)
            log(left if isinstance(left, bool) else await left)
        except RuntimeError as error:
            log(str(error)[:40])
