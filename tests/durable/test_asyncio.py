"""asyncio's names: what real asyncio does, in virtual time, is what the durable one does."""

from __future__ import annotations

import asyncio
import selectors
from typing import Any

import pytest
import trio as real_trio

from tests.durable.asyncio_corners import PROGRAMS
from tests.durable.kit import DURABLE_TRIO, Recorder, Trace, durable_run, show
from trio_durable._core.scheduler import Evicted
from trio_durable._durable.anyio_facade import anyio_facade
from trio_durable._durable.asyncio_facade import asyncio_facade

DURABLE = asyncio_facade()
ANYIO = anyio_facade()


class _Jumping(selectors.DefaultSelector):  # type: ignore[misc, valid-type]
    """Never waits: it moves the loop's clock instead."""

    loop: _VirtualLoop

    def select(self, timeout: float | None = None) -> Any:
        if timeout is not None and timeout > 0:
            self.loop.now += timeout
        return super().select(0)


class _VirtualLoop(asyncio.SelectorEventLoop):
    def __init__(self) -> None:
        self.now = 0.0
        selector = _Jumping()
        selector.loop = self
        super().__init__(selector)

    def time(self) -> float:
        return self.now


async def recorded(program: Any, module: Any) -> Trace:
    log = Recorder()
    try:
        end: Any = ("returned", repr(await program(module, log)))
    except (Evicted, KeyboardInterrupt, real_trio.Cancelled):
        raise
    except BaseException as error:
        end = ("raised", show(error))
    return log.trace(end)


def on_asyncio(program: Any) -> Trace:
    loop = _VirtualLoop()
    try:
        return loop.run_until_complete(recorded(program, asyncio))
    finally:
        # What the program left running ends here, as `asyncio.run` has it, and not in another test, when the collector
        # comes by.
        left = asyncio.all_tasks(loop)
        for task in left:
            task.cancel()
        if left:
            loop.run_until_complete(asyncio.wait(left))
        for task in left:
            if not task.cancelled():
                task.exception()
        loop.close()


def on_durable(program: Any, **options: Any) -> Any:
    async def with_asyncio(trio: Any, log: Any) -> Any:
        return await recorded(program, DURABLE)

    run = durable_run(with_asyncio, **options)
    return run


@pytest.mark.parametrize("name", PROGRAMS)
def test_the_trace_is_asyncios(name):
    assert on_durable(PROGRAMS[name]).trace[-1] == ("returned", repr(on_asyncio(PROGRAMS[name])))


@pytest.mark.parametrize("name", PROGRAMS)
def test_a_crash_at_every_turn_changes_nothing(name):
    warm, cold = on_durable(PROGRAMS[name]), on_durable(PROGRAMS[name], crash=True)
    assert (cold.trace, cold.actions) == (warm.trace, warm.actions)


def run(program):
    return durable_run(program).trace


def test_a_trio_scope_around_wins_and_stays_level_triggered():
    async def program(trio, log):
        async def stubborn():
            for _ in range(3):
                try:
                    await DURABLE.sleep(9)
                except DURABLE.CancelledError:
                    log("never: this is not asyncio's cancellation")
                except trio.Cancelled:
                    log("cancelled", trio.current_time())
            await DURABLE.sleep(9)

        with trio.move_on_after(2) as scope:
            async with DURABLE.TaskGroup() as group:
                group.create_task(stubborn())
        return scope.cancelled_caught, trio.current_time()

    assert run(program) == (*[("'cancelled'", "2.0")] * 3, ("returned", "(True, 2.0)"))


def test_a_trio_timeout_cancels_what_gather_started():
    async def program(trio, log):
        async def work(name):
            try:
                await DURABLE.sleep(9)
            finally:
                log(name, trio.current_time())

        with trio.move_on_after(2):
            await DURABLE.gather(work("a"), work("b"))
        log("out", trio.current_time())
        await trio.sleep(1)

    assert sorted(run(program)[:3]) == sorted([("'a'", "2.0"), ("'b'", "2.0"), ("'out'", "2.0")])


def test_child_error_and_trio_cancellation_come_out_together():
    async def program(trio, log):
        async def bad():
            try:
                await trio.sleep(9)
            finally:
                raise KeyError("cleanup")

        with trio.move_on_after(1):
            async with DURABLE.TaskGroup() as group:
                group.create_task(bad())

    assert run(program) == (("raised", ("Group", ("KeyError: 'cleanup'",))),)


def test_an_asyncio_timeout_in_a_trio_nursery():
    async def program(trio, log):
        async def child():
            try:
                async with DURABLE.timeout(1):
                    await trio.sleep(9)
            except TimeoutError:
                log("timeout", trio.current_time())
            await trio.sleep(1)

        async with trio.open_nursery() as nursery:
            nursery.start_soon(child)
        return trio.current_time()

    assert run(program) == (("'timeout'", "1.0"), ("returned", "2.0"))


def test_anyio_names():
    async def program(trio, log):
        async def service(*, task_status):
            task_status.started("up")
            await ANYIO.sleep(9)

        async with ANYIO.create_task_group() as group:
            log(await group.start(service))
            group.start_soon(ANYIO.sleep, 9)
            with ANYIO.move_on_after(1) as scope:
                await ANYIO.sleep_forever()
            log(scope.cancelled_caught, ANYIO.current_time())
            try:
                with ANYIO.fail_after(1):
                    await ANYIO.sleep(5)
            except TimeoutError:
                log("late", ANYIO.current_time())
            with ANYIO.fail_after(5) as scope:
                scope.cancel()
                await ANYIO.sleep(1)
            with ANYIO.move_on_after(None):
                await ANYIO.lowlevel.checkpoint()
            group.cancel_scope.cancel()
        return ANYIO.get_cancelled_exc_class() is trio.Cancelled

    expected = (("'up'",), ("True", "1.0"), ("'late'", "2.0"), ("returned", "True"))
    assert run(program) == expected
    assert DURABLE_TRIO.current_time is ANYIO.current_time


def test_anyio_streams():
    async def program(trio, log):
        async def produce(stream):
            async with stream:
                for number in range(3):
                    await stream.send(number)
                    log("sent", number)

        send, receive = ANYIO.create_memory_object_stream[int]()
        async with ANYIO.create_task_group() as group:
            group.start_soon(produce, send.clone())
            group.start_soon(produce, send)
            with receive:
                log(sorted([number async for number in receive]))
        for call in (receive.receive_nowait, lambda: send.send_nowait(1)):
            try:
                call()
            except ANYIO.ClosedResourceError as error:
                log(error)
        send, receive = ANYIO.create_memory_object_stream(1)
        try:
            send.send_nowait(1)
            send.send_nowait(2)
        except ANYIO.WouldBlock as error:
            log(error)
        send.close()
        log(await receive.receive())
        try:
            await receive.receive()
        except ANYIO.EndOfStream as error:
            log(error)
        return ANYIO.EndOfStream is trio.EndOfChannel

    trace = run(program)
    assert sorted(trace[:6]) == sorted([("'sent'", str(number)) for number in range(3)] * 2)
    assert trace[6:] == (
        ("[0, 0, 1, 1, 2, 2]",),
        ("ClosedResourceError: ",),
        ("ClosedResourceError: ",),
        ("WouldBlock: ",),
        ("1",),
        ("EndOfChannel: ",),
        ("returned", "True"),
    )


def test_anyio_takes_a_time_that_is_over():
    async def program(trio, log):
        with ANYIO.move_on_after(-1) as scope:
            await ANYIO.sleep(1)
        log(scope.cancelled_caught)
        try:
            with ANYIO.fail_after(-1):
                await ANYIO.sleep(1)
        except TimeoutError:
            log("late", ANYIO.current_time())

        async def service(*, task_status=ANYIO.TASK_STATUS_IGNORED):
            task_status.started()

        await service()

    assert run(program) == (("True",), ("'late'", "0.0"), ("returned", "None"))


def test_a_queue_item_is_put_or_the_put_is_cancelled():
    async def program(trio, log):
        queue = DURABLE.Queue()
        with trio.CancelScope() as scope:
            scope.cancel()
            await queue.put("never")
        log(scope.cancelled_caught, queue.qsize())
        queue.put_nowait("kept")
        with trio.CancelScope() as scope:
            scope.cancel()
            await queue.get()
        return scope.cancelled_caught, queue.qsize()

    assert run(program) == (("True", "0"), ("returned", "(True, 1)"))


def test_as_completed_gives_the_very_things():
    """`async for` over as_completed is of Python 3.13; it is offered on every version."""

    async def program(trio, log):
        async def after(seconds):
            await DURABLE.sleep(seconds)
            return seconds

        async with DURABLE.TaskGroup() as group:
            tasks = [group.create_task(after(seconds)) for seconds in (3, 1, 2)]
            async for task in DURABLE.as_completed(tasks):
                log(tasks.index(task), task.result())
        try:
            async for made in DURABLE.as_completed([after(1), after(9)], timeout=5):
                log(made.result(), DURABLE.isfuture(made))
        except TimeoutError:
            return trio.current_time()

    expected = (("1", "1"), ("2", "2"), ("0", "3"), ("1", "True"), ("returned", "8.0"))
    assert run(program) == expected


def test_a_queue_that_is_shut_down():
    """Of Python 3.13, too."""

    async def program(trio, log):
        async def user(action, *args):
            try:
                log("got", await action(*args))
            except DURABLE.QueueShutDown:
                log("shut down")

        full, empty, dropped = DURABLE.Queue(1), DURABLE.Queue(), DURABLE.Queue()
        full.put_nowait(1)
        dropped.put_nowait(1)
        async with trio.open_nursery() as nursery:
            nursery.start_soon(user, full.put, 2)
            nursery.start_soon(user, empty.get)
            nursery.start_soon(dropped.join)
            await trio.sleep(1)
            full.shutdown()
            empty.shutdown()
            dropped.shutdown(immediate=True)
        await user(full.get)
        await user(full.get)
        await user(dropped.get)

    shut = ("'shut down'",)
    assert run(program) == (shut, shut, ("'got'", "1"), shut, shut, ("returned", "None"))


def test_a_future_cannot_fail_with_stop_iteration():
    """Before Python 3.12 asyncio refuses it; from then on it does this."""

    async def program(trio, log):
        future = DURABLE.Future()
        future.set_exception(StopIteration)
        try:
            await future
        except RuntimeError as error:
            return type(error.__cause__)

    assert run(program) == (("returned", "<class 'StopIteration'>"),)


def test_a_task_is_not_made_by_hand():
    async def program(trio, log):
        try:
            DURABLE.Task(DURABLE.sleep(1))
        except TypeError as error:
            return "TaskGroup" in str(error)

    assert run(program) == (("returned", "True"),)
