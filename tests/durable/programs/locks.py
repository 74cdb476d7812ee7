"""Events, locks, semaphores, limiters, conditions."""

from __future__ import annotations

from math import inf
from typing import Any

from tests.durable.kit import Log
from tests.durable.programs.register import program, racy


@program
async def event_wakes_waiters(trio: Any, log: Log) -> Any:
    event = trio.Event()

    async def waiter() -> None:
        await event.wait()
        log("woken", trio.current_time())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(waiter)
        nursery.start_soon(waiter)
        await trio.sleep(1)
        log(event.is_set(), event.statistics().tasks_waiting)
        event.set()
        event.set()
        log(event.is_set(), event.statistics().tasks_waiting)


@program
async def event_already_set(trio: Any, log: Log) -> Any:
    event = trio.Event()
    event.set()
    await event.wait()
    with trio.CancelScope() as scope:
        scope.cancel()
        await event.wait()
        log("never")
    return scope.cancelled_caught


@program
async def event_wait_cancelled(trio: Any, log: Log) -> Any:
    event = trio.Event()
    with trio.move_on_after(1):
        await event.wait()
    log(event.statistics().tasks_waiting, trio.current_time())
    event.set()


@program
async def event_has_no_truth(trio: Any, log: Log) -> Any:
    try:
        bool(trio.Event())
    except NotImplementedError as error:
        log(error)


@program
async def lock_excludes(trio: Any, log: Log) -> Any:
    lock = trio.Lock()

    async def worker(seconds: float) -> None:
        await trio.sleep(seconds)
        async with lock:
            log("in", seconds, trio.current_time())
            await trio.sleep(3)

    async with trio.open_nursery() as nursery:
        for seconds in (1, 2, 3):
            nursery.start_soon(worker, seconds)
    return lock.locked()


@racy
async def lock_contended_at_once(trio: Any, log: Log) -> Any:
    lock = trio.Lock()

    async def worker(name: str) -> None:
        async with lock:
            log(name)

    async with trio.open_nursery() as nursery:
        for name in "abc":
            nursery.start_soon(worker, name)


@program
async def lock_acquire_nowait(trio: Any, log: Log) -> Any:
    lock = trio.Lock()
    lock.acquire_nowait()
    try:
        lock.acquire_nowait()
    except RuntimeError as error:
        log(error)

    async def other() -> None:
        try:
            lock.acquire_nowait()
        except trio.WouldBlock as error:
            log(error)
        try:
            lock.release()
        except RuntimeError as error:
            log(error)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(other)
    lock.release()
    return lock.locked()


@program
async def lock_waiter_cancelled(trio: Any, log: Log) -> Any:
    lock = trio.Lock()

    async def holder() -> None:
        async with lock:
            await trio.sleep(5)

    async def impatient() -> None:
        with trio.move_on_after(2):
            async with lock:
                log("never")
        log("gave up", trio.current_time())

    async def patient() -> None:
        await trio.sleep(1)
        async with lock:
            log("got it", trio.current_time())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(holder)
        await trio.sleep(0.5)
        nursery.start_soon(impatient)
        nursery.start_soon(patient)


@program
async def lock_owner_ends(trio: Any, log: Log) -> Any:
    lock = trio.Lock()

    async def owner() -> None:
        await lock.acquire()
        await trio.sleep(1)

    async def waiter() -> None:
        try:
            await lock.acquire()
        except trio.BrokenResourceError as error:
            log(type(error))

    async with trio.open_nursery() as nursery:
        nursery.start_soon(owner)
        await trio.sleep(0.5)
        nursery.start_soon(waiter)
    try:
        await lock.acquire()
    except trio.BrokenResourceError as error:
        log(type(error))


@program
async def lock_is_a_checkpoint(trio: Any, log: Log) -> Any:
    lock = trio.Lock()
    with trio.CancelScope() as scope:
        scope.cancel()
        async with lock:
            log("never")
    return scope.cancelled_caught, lock.locked()


@program
async def strict_fifo_lock(trio: Any, log: Log) -> Any:
    lock = trio.StrictFIFOLock()

    async def worker(seconds: float) -> None:
        await trio.sleep(seconds)
        async with lock:
            await trio.sleep(2)
            log(seconds, trio.current_time())

    async with trio.open_nursery() as nursery:
        for seconds in (0.3, 0.1, 0.2):
            nursery.start_soon(worker, seconds)


@program
async def semaphore_counts(trio: Any, log: Log) -> Any:
    semaphore = trio.Semaphore(2)

    async def worker(seconds: float) -> None:
        await trio.sleep(seconds)
        async with semaphore:
            log("in", seconds, trio.current_time(), semaphore.value)
            await trio.sleep(3)

    async with trio.open_nursery() as nursery:
        for seconds in (0.1, 0.2, 0.3, 0.4):
            nursery.start_soon(worker, seconds)
    return semaphore.value


@program
async def semaphore_limits(trio: Any, log: Log) -> Any:
    semaphore = trio.Semaphore(1, max_value=1)
    try:
        semaphore.release()
    except ValueError as error:
        log(error)
    semaphore.acquire_nowait()
    try:
        semaphore.acquire_nowait()
    except trio.WouldBlock as error:
        log(error)
    for arguments in ((-1,), ("x",)):
        try:
            trio.Semaphore(*arguments)
        except (ValueError, TypeError) as error:
            log(error)
    try:
        trio.Semaphore(2, max_value=1)
    except ValueError as error:
        log(error)
    return semaphore.value, semaphore.max_value


@program
async def limiter_bounds_concurrency(trio: Any, log: Log) -> Any:
    limiter = trio.CapacityLimiter(2)
    most = 0

    async def worker(seconds: float) -> None:
        nonlocal most
        await trio.sleep(seconds)
        async with limiter:
            most = max(most, limiter.borrowed_tokens)
            await trio.sleep(1)
            log(seconds, trio.current_time())

    async with trio.open_nursery() as nursery:
        for number in range(6):
            nursery.start_soon(worker, number / 100)
    return most, limiter.available_tokens


@program
async def limiter_errors(trio: Any, log: Log) -> Any:
    limiter = trio.CapacityLimiter(1)
    try:
        limiter.release()
    except RuntimeError as error:
        log(error)
    await limiter.acquire()
    try:
        await limiter.acquire()
    except RuntimeError as error:
        log(error)
    try:
        limiter.acquire_on_behalf_of_nowait("other")
    except trio.WouldBlock as error:
        log(error)
    for total in (0.5, -1, "x"):
        try:
            limiter.total_tokens = total
        except (TypeError, ValueError) as error:
            log(error)
    limiter.release()


@racy
async def limiter_resized(trio: Any, log: Log) -> Any:
    limiter = trio.CapacityLimiter(1)

    async def worker(seconds: float) -> None:
        await trio.sleep(seconds)
        async with limiter:
            log("in", seconds, trio.current_time())
            await trio.sleep(10)

    async with trio.open_nursery() as nursery:
        for number in (1, 2, 3):
            nursery.start_soon(worker, number)
        await trio.sleep(5)
        limiter.total_tokens = inf
        log(limiter.statistics().tasks_waiting)


@program
async def limiter_on_behalf_of(trio: Any, log: Log) -> Any:
    limiter = trio.CapacityLimiter(2)
    await limiter.acquire_on_behalf_of("a")
    limiter.acquire_on_behalf_of_nowait("b")
    with trio.move_on_after(1) as scope:
        await limiter.acquire_on_behalf_of("c")
    log(scope.cancelled_caught, limiter.borrowed_tokens)
    limiter.release_on_behalf_of("a")
    await limiter.acquire_on_behalf_of("c")
    return limiter.borrowed_tokens


@program
async def condition_notify_one(trio: Any, log: Log) -> Any:
    condition = trio.Condition()

    async def waiter(seconds: float) -> None:
        await trio.sleep(seconds)
        async with condition:
            await condition.wait()
            log("notified", seconds, trio.current_time())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(waiter, 0.1)
        nursery.start_soon(waiter, 0.2)
        for _ in range(2):
            await trio.sleep(1)
            async with condition:
                condition.notify()
                await trio.sleep(0.5)


@program
async def condition_notify_all(trio: Any, log: Log) -> Any:
    condition = trio.Condition()

    async def waiter(seconds: float) -> None:
        await trio.sleep(seconds)
        async with condition:
            await condition.wait()
            log("notified", seconds, trio.current_time())
            await trio.sleep(1)

    async with trio.open_nursery() as nursery:
        for seconds in (0.1, 0.2, 0.3):
            nursery.start_soon(waiter, seconds)
        await trio.sleep(1)
        async with condition:
            log(condition.statistics().tasks_waiting)
            condition.notify_all()


@program
async def condition_wait_cancelled_takes_the_lock_again(trio: Any, log: Log) -> Any:
    condition = trio.Condition()

    async def holder() -> None:
        await trio.sleep(0.5)
        async with condition:
            await trio.sleep(3)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(holder)
        with trio.move_on_after(1) as scope:
            async with condition:
                await condition.wait()
        log(scope.cancelled_caught, trio.current_time())


@program
async def condition_needs_the_lock(trio: Any, log: Log) -> Any:
    condition = trio.Condition()
    for use in (condition.notify, condition.notify_all):
        try:
            use()
        except RuntimeError as error:
            log(error)
    try:
        await condition.wait()
    except RuntimeError as error:
        log(error)
    try:
        trio.Condition(trio.StrictFIFOLock())
    except TypeError as error:
        log(error)
