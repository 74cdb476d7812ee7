"""What is told of an instance that does not go on: each task, what it waits for, where, and who holds whom up."""

from __future__ import annotations

import logging
import re
from contextlib import AsyncExitStack

import pytest
import trio as real_trio

from tests.core.conftest import identity
from tests.durable.kit import DURABLE_TRIO as trio
from tests.durable.test_asyncio import DURABLE as asyncio
from tests.durable.test_deadlines import TrioScript
from tests.patience import PATIENCE
from trio_durable import Client, Worker
from trio_durable._core.futures import when_all
from trio_durable._core.tasks import CANCEL_POINT, SCHEDULE_POINT
from trio_durable._core.waits import circle, only_sleeps
from trio_durable._durable.generators import drive_generator
from trio_durable.sidecar import open_sidecar
from trio_durable.testing import StuckError, open_test_environment


def waits(main):
    """The report on `main` after its first turn, without folders and line numbers."""
    script = TrioScript(main)
    try:
        script.start()
        report = script.replay.who_waits()
    finally:
        script.replay.close()
    return re.sub(r"/\S*/(\w+\.py):\d+ in [\w.<>]*?(\w+)$", r"\1 in \2", report, flags=re.M).splitlines()


def one(main):
    """Of a `main` with one task: what it waits for."""
    line, place = waits(main)
    assert place.startswith("    at test_who_waits.py in ")
    return line.removeprefix("task 1 'main' waits for ")


async def acquires(lock):
    await lock.acquire()


async def keeps(lock, other):
    async with lock:
        await trio.lowlevel.checkpoint()
        async with other:
            raise AssertionError("not reached")


def test_two_locks_in_two_orders():
    async def main(r):
        a, b = trio.Lock(), trio.Lock()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(keeps, a, b, name="left")
            nursery.start_soon(keeps, b, a, name="right")

    assert waits(main) == [
        "task 1 'main' waits for the children of its nursery [task 2 'left', task 3 'right']",
        "    at test_who_waits.py in main",
        "task 2 'left' waits for a Lock [task 3 'right']",
        "    at test_who_waits.py in keeps",
        "task 3 'right' waits for a Lock [task 2 'left']",
        "    at test_who_waits.py in keeps",
        "in a circle: task 2 'left' -> task 3 'right' -> task 2 'left'",
    ]


def test_the_line_is_where_the_code_waits():
    async def main(r):
        await trio.Event().wait()  # here

    script = TrioScript(main)
    script.start()
    report = script.replay.who_waits()
    script.replay.close()
    with open(__file__) as file:
        here = next(number for number, line in enumerate(file, 1) if line.endswith("  # here\n"))
    assert report.endswith(f"test_who_waits.py:{here} in {main.__qualname__}")


def test_a_parent_that_holds_what_its_child_wants():
    async def main(r):
        lock = trio.Lock()
        async with lock, trio.open_nursery() as nursery:
            nursery.start_soon(acquires, lock, name="child")

    assert waits(main)[-1] == "in a circle: task 1 'main' -> task 2 'child' -> task 1 'main'"


def test_a_task_that_waits_for_itself():
    async def main(r):
        limiter = trio.CapacityLimiter(1)
        await limiter.acquire()
        await limiter.acquire_on_behalf_of("another")

    assert waits(main)[0] == "task 1 'main' waits for a token of a CapacityLimiter [task 1 'main']"
    assert waits(main)[-1] == "in a circle: task 1 'main' -> task 1 'main'"


async def waits_on_a_condition():
    condition = trio.Condition()
    async with condition:
        await condition.wait()


async def starts_what_never_starts():
    async def never(task_status):
        await trio.sleep_forever()

    async with trio.open_nursery() as nursery:
        await nursery.start(never, name="service")


async def sends_to_a_full_channel():
    send, _receive = trio.open_memory_channel(1)
    await send.send(1)
    await send.send(2)


async def sends_to_nobody():
    send, _receive = trio.open_memory_channel(0)
    await send.send(1)


async def receives_from_nobody():
    _send, receive = trio.open_memory_channel(0)
    async for _ in receive:
        pass


async def waits_in_a_timeout():
    with trio.fail_at(trio.current_time() + 60):
        await trio.Event().wait()


async def sleeps_behind_a_shield():
    with trio.move_on_after(5), trio.CancelScope(shield=True):
        await trio.sleep_forever()


async def waits_for_a_turn_of_its_own():
    await trio.lowlevel.wait_task_rescheduled(lambda raise_cancel: None)


@pytest.mark.parametrize(
    ("coro", "what"),
    [
        (lambda: trio.sleep(5), "1970-01-01T00:16:46+00:00"),
        (trio.sleep_forever, "its cancellation, for ever"),
        (sleeps_behind_a_shield, "its cancellation, for ever"),
        (trio.Event().wait, "an Event to be set"),
        (waits_in_a_timeout, "an Event to be set, at most until 1970-01-01T00:17:41+00:00"),
        (trio.Semaphore(0).acquire, "a Semaphore to be released"),
        (waits_on_a_condition, "a Condition to be notified"),
        (trio.lowlevel.ParkingLot().park, "a ParkingLot to unpark it"),
        (sends_to_a_full_channel, "room for a value in a memory channel of 1 (receiving ends that are open: 1)"),
        (sends_to_nobody, "a value to be received (receiving ends that are open: 1)"),
        (receives_from_nobody, "a value from a memory channel (sending ends that are open: 1)"),
        (waits_for_a_turn_of_its_own, "somebody to reschedule it (wait_task_rescheduled)"),
        (lambda: asyncio.Event().wait(), "an Event to be set"),
        (lambda: asyncio.Semaphore(0).acquire(), "a Semaphore to be released"),
        (lambda: asyncio.Queue().get(), "an item from a Queue"),
        (lambda: asyncio.Barrier(2).wait(), "the others at a Barrier"),
    ],
)
def test_a_wait_in_words(coro, what):
    async def main(r):
        await coro()

    assert one(main) == what


def test_a_full_queue_and_a_future():
    async def main(r):
        queue = asyncio.Queue(1)
        async with asyncio.TaskGroup() as group:
            group.create_task(queue.put(1))
            await asyncio.sleep(0)
            group.create_task(queue.put(2), name="putter")
            group.create_task(waits_for_a_future(), name="future")

    assert waits(main)[::2][:3] == [
        "task 1 'main' waits for the tasks of its TaskGroup [task 3 'putter', task 4 'future']",
        "task 3 'putter' waits for room in a Queue",
        "    at test_who_waits.py in waits_for_a_future",
    ]


async def waits_for_a_future():
    await asyncio.get_running_loop().create_future()


def test_waits_for_several_tasks():
    async def main(r):
        async with asyncio.TaskGroup() as group:
            a = group.create_task(waits_for_a_future(), name="a")
            b = group.create_task(waits_for_a_future(), name="b")
            group.create_task(awaits(a), name="task")
            group.create_task(awaits(asyncio.shield(a)), name="shield")
            group.create_task(awaits(asyncio.gather(a, b)), name="gather")
            group.create_task(awaits(asyncio.wait([a, b])), name="wait")
            group.create_task(awaits(next(iter(asyncio.as_completed([a, b])))), name="as_completed")

    told = dict(re.findall(r"task \d+ '(\w+)' waits for (.*)", "\n".join(waits(main))))
    both = "tasks and futures, of which these are not done: <Task pending name='a'>, <Task pending name='b'>"
    assert told["a"] == "a Future to be settled"
    assert told["task"] == "the task 'a' to end [task 2 'a']"
    assert told["shield"] == "tasks and futures, of which these are not done: <Task pending name='a'> [task 2 'a']"
    for name in ("gather", "wait", "as_completed"):
        assert told[name] == f"{both} [task 2 'a', task 3 'b']"


async def awaits(awaitable):
    await awaitable


def test_a_lock_of_asyncios_names_its_holder():
    async def main(r):
        lock = asyncio.Lock()
        await lock.acquire()
        await lock.acquire()

    assert waits(main)[0] == "task 1 'main' waits for a Lock [task 1 'main']"


def test_starting_and_many_children():
    async def main(r):
        async with trio.open_nursery() as nursery:
            for number in range(60):
                nursery.start_soon(trio.sleep_forever, name=f"child {number}")
            await starts_what_never_starts()

    report = waits(main)
    assert report[0] == "task 1 'main' waits for a task to call task_status.started() [task 62 'service']"
    assert report[1] == "    at test_who_waits.py in starts_what_never_starts"
    assert report[-1] == "and 12 more tasks wait"

    async def alone(r):
        async with trio.open_nursery() as nursery:
            for number in range(7):
                nursery.start_soon(trio.sleep_forever, name=f"c{number}")

    assert waits(alone)[0].endswith("[task 2 'c0', task 3 'c1', task 4 'c2', task 5 'c3', task 6 'c4' and 2 more]")


def test_durable_work_with_its_numbers():
    async def helps(r):
        await r.call_child("kid", None, identity)

    async def main(r):
        with trio.move_on_after(7):
            await when_all(
                [
                    r.call_activity("ship", None, identity),
                    r.wait_for_event("go", identity),
                    r.create_timer(r.now),
                    r.spawn(helps(r), "helps"),
                ]
            )

    first, _, second, _ = waits(main)
    assert first == (
        "task 1 'main' waits for when_all of 4 (activity 'ship' (#1), external event 'go', timer (#3), task helps) "
        "[task 2 'helps'], at most until 1970-01-01T00:16:48+00:00"
    )
    assert second == "task 2 'helps' waits for child orchestration 'kid' (#4), at most until 1970-01-01T00:16:48+00:00"


def test_a_generator_waits_where_it_yields():
    def orchestrates(r):
        yield r.call_activity("ship", None, identity)

    report = waits(lambda r: drive_generator(orchestrates(r)))
    assert report == ["task 1 'main' waits for activity 'ship' (#1)", "    at test_who_waits.py in orchestrates"]


# -- where it is told -------------------------------------------------------------------------------------------------


def test_an_instance_is_stuck_when_nothing_outside_can_make_it_go_on():
    def stuck(main, *later):
        script = TrioScript(main)
        try:
            script.start()
            for events in later:
                script.turn(*events(script))
            return script.replay.is_stuck
        finally:
            script.replay.close()

    async def waits_for_an_activity(r):
        await r.call_activity("a", None, identity)

    async def waits_for_an_event(r):
        await r.wait_for_event("e", identity)

    async def then_for_nothing(r):
        await r.call_activity("a", None, identity)
        await trio.Event().wait()

    async def ends(r):
        return None

    assert not stuck(waits_for_an_activity)
    assert not stuck(waits_for_an_event)
    assert not stuck(ends)
    assert not stuck(then_for_nothing)
    assert stuck(then_for_nothing, lambda s: [s.done(1)])


async def locks_itself_out(ctx):
    lock = trio.Lock()
    async with lock, trio.open_nursery() as nursery:
        nursery.start_soon(acquires, lock)


async def until_cancelled(ctx):
    await trio.sleep_forever()


@pytest.mark.parametrize("crash", [False, True])
async def test_a_stuck_test_tells_of_the_tasks(crash):
    worker = Worker(sandbox="off")
    worker.add_orchestrator(locks_itself_out)
    async with open_test_environment(worker) as env:
        order = env.schedule(locks_itself_out)
        await env.settle()
        if crash:
            env.crash_worker()
        with pytest.raises(StuckError, match=r"waits for a Lock \[task 1 'locks_itself_out'\]\n +at .*in acquires"):
            await order.completion()


@pytest.mark.parametrize(("orchestrator", "warns"), [(locks_itself_out, 1), (until_cancelled, 0)])
async def test_the_worker_warns_of_a_deadlock_once(orchestrator, warns, caplog):
    async with open_sidecar(":memory:") as sidecar:
        worker = Worker(sidecar.channel(), sandbox="off")
        worker.add_orchestrator(orchestrator)
        async with real_trio.open_nursery() as nursery, Client(sidecar.channel()) as client:
            await nursery.start(worker.serve)
            with real_trio.fail_after(PATIENCE):
                instance = await client.schedule_new_orchestration(orchestrator)
                await client.wait_for_orchestration_start(instance)
                await client.raise_orchestration_event(instance, "nobody waits for it")
                await client.cancel_orchestration(instance)
                await client.wait_for_orchestration_completion(instance)
            nursery.cancel_scope.cancel()
    told = [each for each in caplog.records if "can only be cancelled or terminated" in each.getMessage()]
    assert [each.levelno for each in told] == [logging.WARNING] * warns
    for each in told:
        assert "in a circle: task 1 'locks_itself_out' -> task 2" in each.getMessage()


@pytest.mark.parametrize(
    ("wait", "told"),
    [
        (lambda: trio.lowlevel.ParkingLot().park(), "a ParkingLot to unpark it"),
        (lambda: trio.Semaphore(0).acquire(), "a Semaphore to be released"),
    ],
)
def test_whom_nobody_holds_up(wait, told):
    async def main(r):
        await wait()

    assert one(main) == told


def test_as_many_tasks_as_are_told_of():
    async def main(r):
        async with trio.open_nursery() as nursery:
            for _ in range(49):
                nursery.start_soon(trio.Event().wait)

    assert sum(" waits for " in line for line in waits(main)) == 50
    assert not any("more tasks wait" in line for line in waits(main))


def test_the_place_is_the_last_frame_of_the_users():
    class OpensLate:
        async def __aenter__(self):
            await trio.Event().wait()

        async def __aexit__(self, *_):
            raise AssertionError("not reached")

    async def main(r):
        async with AsyncExitStack() as stack:
            await stack.enter_async_context(OpensLate())

    assert waits(main)[-1] == "    at test_who_waits.py in __aenter__"


def test_five_are_named_in_a_line():
    async def main(r):
        async with trio.open_nursery() as nursery:
            for number in range(5):
                nursery.start_soon(trio.Event().wait, name=str(number))

    assert waits(main)[0].endswith("[task 2 '0', task 3 '1', task 4 '2', task 5 '3', task 6 '4']")


def test_what_no_report_meets_has_a_name_too():
    assert (SCHEDULE_POINT.describe(), CANCEL_POINT.describe()) == ("its turn", "a cancellation")


def test_only_a_wait_for_a_cancellation_is_sleep():
    async def waits_for_an_event(r):
        await trio.Event().wait()

    async def sleeps(r):
        await trio.sleep_forever()

    told = []
    for main in (waits_for_an_event, sleeps):
        script = TrioScript(main)
        script.start()
        told.append(only_sleeps(script.replay.scheduler))
        script.replay.close()
    assert told == [False, True]


def test_code_may_ask_for_circles_while_it_runs():
    async def main(r):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(trio.lowlevel.checkpoint)  # which has not begun
            return repr(circle(r.scheduler))

    script = TrioScript(main)
    script.start()
    assert script.completion.result == "None"
