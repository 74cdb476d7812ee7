"""What the primitives of the durable Trio say in words of their own: no address, which differs on every replay."""

from __future__ import annotations

from functools import partial
from math import inf
from types import GenericAlias

import pytest
import trio as real_trio

from tests.durable.kit import DURABLE_TRIO as trio
from tests.durable.kit import durable_run
from trio_durable._core.events import Status
from trio_durable._core.groups import LOOSE, collapse
from trio_durable._core.parking import Statistics
from trio_durable._core.scheduler import Scheduler
from trio_durable._core.scopes import CancelScope
from trio_durable._core.signals import CancelReason, PlainCancelled
from trio_durable._core.tasks import current_scheduler, current_task


def durably(program):
    """Run `program(log)` on the durable Trio; what it logged."""
    lines = []

    async def whole(trio, log):
        await program(lines.append)

    run = durable_run(whole)
    assert run.trace[-1] == ("returned", "None"), run.trace
    return lines


def test_what_things_are_shown_as():
    async def program(log):
        event = trio.Event()
        log(repr(event))
        event.set()
        log(repr(event))
        log(repr(trio.Semaphore(3)))
        log(repr(trio.Semaphore(3, max_value=4)))
        lock = trio.Lock()
        log(repr(lock))
        lock.acquire_nowait()
        log(repr(lock))
        log(repr(trio.StrictFIFOLock()))
        limiter = trio.CapacityLimiter(3)
        limiter.acquire_nowait()
        log(repr(limiter))
        for end in trio.open_memory_channel(1):
            log(repr(end))
            end.close()
            log(repr(end))
        lot = trio.lowlevel.ParkingLot()
        log(repr(lot))
        log(repr(lot.statistics()))
        log(repr(trio.lowlevel.RunVar("v")))

    assert durably(program) == [
        "<trio.Event>",
        "<trio.Event, set>",
        "<trio.Semaphore(3)>",
        "<trio.Semaphore(3, max_value=4)>",
        "<unlocked Lock object>",
        "<locked Lock object with 0 waiters>",
        "<unlocked StrictFIFOLock object>",
        "<trio.CapacityLimiter, 1/3 with 0 waiting>",
        "<trio.MemorySendChannel>",
        "<trio.MemorySendChannel, closed>",
        "<trio.MemoryReceiveChannel>",
        "<trio.MemoryReceiveChannel, closed>",
        "<trio.lowlevel.ParkingLot with 0 parked>",
        "Statistics(tasks_waiting=0)",
        "<RunVar name='v'>",
    ]


def test_what_scopes_are_shown_as():
    async def program(log):
        scope = trio.CancelScope()
        log(repr(scope))
        with scope:
            log(repr(scope))
            scope.deadline = 5
            log(repr(scope))
            scope.cancel()
            log(repr(scope))
        log(repr(scope))
        log(repr(trio.CancelScope(deadline=3)))

    assert durably(program) == [
        "<trio.CancelScope, unbound>",
        "<trio.CancelScope, active>",
        "<trio.CancelScope, active, deadline is 5.0>",
        "<trio.CancelScope, active, cancelled>",
        "<trio.CancelScope, exited, cancelled>",
        "<trio.CancelScope, unbound, deadline is 3>",
    ]


def test_what_the_status_of_a_task_being_started_is_shown_as():
    async def program(log):
        async def child(task_status):
            log(repr(task_status))
            task_status.started()
            log(repr(task_status))

        async with trio.open_nursery() as nursery:
            await nursery.start(child)

    assert durably(program) == ["<Task status object>", "<Task status object, started>"]


def test_statistics_are_values():
    assert Statistics(a=1, b=2) == Statistics(a=1, b=2)
    assert Statistics(a=1) != Statistics(a=2)
    assert Statistics(a=1) != Statistics(a=1, b=2)
    assert Statistics(a=1) != 1
    assert repr(Statistics(a=1, b="x")) == "Statistics(a=1, b='x')"


def test_a_status_is_formatted_by_its_name():
    assert f"{Status.RUNNING} {Status.FAILED:>8}" == "RUNNING   FAILED"


def test_a_channel_may_say_what_is_sent():
    alias = trio.open_memory_channel[int]
    assert isinstance(alias, GenericAlias)
    assert alias.__args__ == (int,)
    send, receive = alias(inf)
    assert send.statistics() == Statistics(
        current_buffer_used=0,
        max_buffer_size=inf,
        open_send_channels=1,
        open_receive_channels=1,
        tasks_waiting_send=0,
        tasks_waiting_receive=0,
        peak_buffer_used=0,
    )
    send.close()
    receive.close()


def caught(log):
    def decorate(function):
        async def wrapper(*args):
            try:
                await function(*args)
            except trio.Cancelled as error:
                log((error.source, error.reason, error.source_task))
                raise

        return wrapper

    return decorate


def test_each_cancelled_says_why():
    async def program(log):
        @caught(log)
        async def waits(*_):
            await trio.sleep(100)

        async def fails():
            raise KeyError("k")

        async def fails_later():
            await trio.sleep(1)
            raise KeyError("k")

        with trio.CancelScope() as scope:
            scope.cancel("enough")
            await waits()
        with trio.move_on_after(1):
            await waits()
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(waits)
                nursery.start_soon(fails_later)
        except* KeyError:
            pass
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(waits)
                await trio.sleep(1)
                raise KeyError("k")
        except* KeyError:
            pass

    explicit, deadline, child, block = durably(program)
    assert explicit[:2] == ("explicit", "enough")
    assert "Task" in explicit[2]
    assert deadline == ("deadline", None, None)
    assert child[:2] == ("nursery", "child task raised exception KeyError('k')")
    assert "fails_later" in child[2]
    assert block[:2] == ("nursery", "Code block inside nursery contextmanager raised exception KeyError('k')")
    assert "Task" in block[2]
    assert block[2] != child[2]


def test_a_scope_that_is_cancelled_outside_of_every_task_has_no_source_task():
    scope = CancelScope.under(Scheduler().root)
    scope.cancel("from outside")
    assert scope._reason == CancelReason("explicit", None, "from outside")


def test_the_plain_cancelled():
    assert str(PlainCancelled(CancelReason("deadline"))) == "cancelled due to deadline"
    assert str(PlainCancelled(CancelReason("explicit", None, "enough"))) == "cancelled due to explicit (enough)"


def test_locks_and_lots_that_break_say_who_broke_them():
    async def program(log):
        lock, lot = trio.Lock(), trio.lowlevel.ParkingLot()

        async def owner():
            await lock.acquire()
            await trio.sleep(1)

        async def breaker():
            await trio.sleep(2)
            lot.break_lot()

        async def wants(acquire):
            try:
                await acquire()
            except trio.BrokenResourceError as error:
                log(str(error))

        async with trio.open_nursery() as nursery:
            nursery.start_soon(owner)
            nursery.start_soon(breaker)
            await trio.sleep(0.5)
            nursery.start_soon(wants, lock.acquire)
            nursery.start_soon(wants, lot.park)
        await wants(lot.park)

    lock, lot, late = durably(program)
    assert lock.startswith("Owner of this lock exited without releasing: <Task")
    assert "owner" in lock
    assert lot.startswith("Parking lot broken by <Task")
    assert "breaker" in lot
    assert late.startswith("Attempted to park in parking lot broken by [<Task")


async def takes_nothing(): ...


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (lambda: 5, "Trio expected an async function, but '<lambda>' gave a int. Define it with `async def`."),
        (dict, "Trio expected an async function, but 'dict' gave a dict. Define it with `async def`."),
    ],
)
def test_what_is_no_async_function_is_named(given, words):
    async def program(log):
        async with trio.open_nursery() as nursery:
            try:
                nursery.start_soon(given)
            except TypeError as error:
                log(str(error).replace("test_what_is_no_async_function_is_named.<locals>.", ""))

    assert durably(program) == [words]


def test_a_call_in_place_of_a_function_is_said_to_be_one():
    async def program(log):
        async with trio.open_nursery() as nursery:
            for wrong in (takes_nothing(), 5):
                try:
                    nursery.start_soon(wrong)
                except TypeError as error:
                    log(str(error))

    called, other = durably(program)
    assert called == (
        "Trio was expecting an async function, but instead it got a coroutine object 'takes_nothing'. "
        "Probably you did something like: nursery.start_soon(fn(...)); instead, you want: nursery.start_soon(fn, ...)"
    )
    assert "not callable" in other


@pytest.mark.parametrize("origin", ["trio", "asyncio", "elsewhere"])
def test_foreign_awaitables_are_named_with_a_remedy(origin):
    class Future:
        def __await__(self):
            yield kind() if origin != "trio" else kind

    kind = type("Thing", (), {"__module__": f"_{origin}.core"})

    error = None

    async def asks(trio, log):
        nonlocal error
        try:
            await Future()
        except TypeError as raised:
            error = str(raised)

    durable_run(asks)
    hints = {
        "trio": " It came from the real trio, which only a module that is passed through, or a worker without a "
        "sandbox, can reach. There, write `from trio_durable import durable_trio as trio`.",
        "asyncio": " It came from the real asyncio, which only a module that is passed through, or a worker without a "
        "sandbox, can reach.",
        "elsewhere": "",
    }
    assert error == (
        "the orchestration awaited something that is not durable: it gave a Thing to the scheduler."
        f"{hints[origin]} An orchestration may await what its context returns (ctx.call_activity, ctx.create_timer, "
        "...), durable trio and asyncio (`import trio` inside the orchestration's module) and its own coroutines; I/O "
        "and other event loops belong in an activity."
    )


def loose(*members):
    group = BaseExceptionGroup("loose", list(members))
    group.add_note(LOOSE)
    return group


def test_only_loose_groups_of_one_member_collapse():
    one, two = KeyError(1), KeyError(2)
    assert collapse(loose(one)) is one
    assert collapse(loose(loose(one))) is one
    both = loose(one, two)
    assert collapse(both) is both
    strict = BaseExceptionGroup("strict", [one])
    assert collapse(strict) is strict
    around = BaseExceptionGroup("around", [loose(one), two, loose(two)])
    collapsed = collapse(around)
    assert collapsed is not around
    assert collapsed.exceptions == (one, two, two)
    assert collapsed.message == "around"
    assert collapse(loose(strict)) is strict
    untouched = BaseExceptionGroup("untouched", [both, strict])
    assert collapse(untouched) is untouched


def test_generators_that_are_finished_are_not_kept():
    scheduler = Scheduler()

    async def generates():
        yield 1

    kept = [generates() for _ in range(64)]
    for generator in kept:
        scheduler._keep_generator(generator)
    assert scheduler._generators == kept
    for generator in kept[1:]:
        with pytest.raises(StopIteration):
            generator.aclose().send(None)
    more = [generates() for _ in range(64)]
    for generator in more:
        scheduler._keep_generator(generator)
    assert scheduler._generators == [kept[0], *more]
    for generator in [kept[0], *more]:
        with pytest.raises(StopIteration):
            generator.aclose().send(None)


def test_the_words_are_trios_where_a_program_may_look_at_them():
    assert repr(real_trio.lowlevel.RunVar("v")) == repr(trio.lowlevel.RunVar("v"))


def test_the_groups_of_nurseries_are_named_as_trios():
    async def program(log):
        async def fails():
            raise KeyError("k")

        for strict in (True, False):
            try:
                async with trio.open_nursery(strict_exception_groups=strict) as nursery:
                    nursery.start_soon(fails)
                    nursery.start_soon(fails)
            except BaseExceptionGroup as group:
                log(group.message)
        try:
            async with trio.open_nursery(strict_exception_groups=False) as nursery:
                nursery.start_soon(fails)
        except KeyError as error:
            log(repr(error))

    assert durably(program) == ["Exceptions from Trio nursery"] * 2 + ["KeyError('k')"]


def test_outside_of_an_orchestration_there_is_no_task():
    words = (
        r"^must be called from async context: no task of an orchestration is running here\. "
        r"Call it from the orchestrator function or from what it awaits or starts\.$"
    )
    for function in (current_task, current_scheduler):
        with pytest.raises(RuntimeError, match=words):
            function()


def test_where_a_task_stands_is_told_from_its_coroutine_inwards():
    async def program(log):
        async def outer():
            await inner()

        async def inner():
            await Generator()

        class Generator:
            def __await__(self):
                yield from event.wait().__await__()

        event = trio.Event()
        async with trio.open_nursery() as nursery:
            nursery.start_soon(outer)
            await trio.sleep(1)
            (task,) = nursery.child_tasks
            frames = list(task.iter_await_frames())
            log([frame.f_code.co_name for frame, _ in frames[:3]])
            log([line - frame.f_code.co_firstlineno for frame, line in frames[:3]])
            event.set()

    names, lines = durably(program)
    assert names == ["outer", "inner", "__await__"]
    assert lines == [1, 1, 1]


def test_a_limiter_forgets_who_no_longer_waits():
    async def program(log):
        limiter = trio.CapacityLimiter(0)
        with trio.move_on_after(1):
            await limiter.acquire_on_behalf_of("a")
        log(dict(limiter._pending))

    assert durably(program) == [{}]


def test_scopes_that_are_left_in_the_wrong_order_say_which():
    async def program(log):
        outer, inner = trio.CancelScope(), trio.CancelScope()
        cause = KeyError("k")
        outer.__enter__()
        inner.__enter__()
        try:
            outer.__exit__(KeyError, cause, None)
        except RuntimeError as error:
            log(str(error).partition("\n")[0])
            log(error.__context__ is cause)
        try:
            inner.__exit__(None, None, None)
        except RuntimeError as error:
            log(str(error).partition("\n")[0])
        try:
            outer.__exit__(None, None, None)
        except RuntimeError as error:
            log(str(error).partition("\n")[0])

        async def leaves(scope):
            try:
                scope.__exit__(None, None, None)
            except RuntimeError as error:
                log(str(error).partition("\n")[0])

        with trio.CancelScope() as scope:
            pass
        async with trio.open_nursery() as nursery:
            with trio.CancelScope() as scope:
                nursery.start_soon(leaves, scope)
                await trio.sleep(1)

    first, context, *rest = durably(program)
    assert first.startswith("Cancel scope stack corrupted: attempted to exit <trio.CancelScope, active> in <Task")
    assert first.endswith("that's still within its child <trio.CancelScope, active>")
    assert context is True
    again, unrelated = rest[-2:]
    assert again == (
        "Cancel scope stack corrupted: attempted to exit <trio.CancelScope, exited> which had already been exited"
    )
    assert unrelated.startswith("Cancel scope stack corrupted: attempted to exit <trio.CancelScope, active> from unrel")


class Job:
    def __init__(self, log=None):
        self.log = log

    def __call__(self):
        if self.log is None:
            return (number for number in range(1))
        return self.run()

    async def run(self):
        self.log(trio.lowlevel.current_task().name)


def test_what_has_no_name_is_named_by_its_class():
    async def program(log):
        async with trio.open_nursery() as nursery:
            nursery.start_soon(Job(log))
            nursery.start_soon(Job(log).run, name=partial(takes_nothing))
            await trio.sleep(1)
            try:
                nursery.start_soon(Job())
            except TypeError as error:
                log(str(error))

    assert durably(program) == [
        "Job",
        f"{__name__}.takes_nothing",
        "Trio expected an async function, but 'Job' gave a generator. Define it with `async def`.",
    ]


def test_a_task_that_ends_inside_its_nursery_says_so_to_the_children():
    async def program(log):
        @caught(log)
        async def waits():
            await trio.sleep(100)

        async def leaves():
            nurseries.append(await trio.open_nursery().__aenter__())
            nurseries[0].start_soon(waits)
            await trio.sleep(1)
            raise KeyError("k")

        nurseries = []
        try:
            async with trio.open_nursery() as nursery:
                nursery.start_soon(leaves)
        except* RuntimeError as group:
            (error,) = group.exceptions
            log(str(error).partition(" surrounding")[0])
            log(repr(error.__context__))
        await trio.sleep(1)
        try:
            nurseries[0].start_soon(waits)
        except RuntimeError as error:
            log(str(error))

    lines = durably(program)
    why = "Parent Task exited prematurely, abandoning this nursery without exiting it properly."
    cancelled = next(line for line in lines if isinstance(line, tuple))
    assert cancelled[:2] == ("nursery", why)
    assert "leaves" in cancelled[2]
    assert [line for line in lines if isinstance(line, str)] == [
        "Nursery stack corrupted: Nursery",
        "KeyError('k')",
        "Nursery is closed to new arrivals",
    ]
