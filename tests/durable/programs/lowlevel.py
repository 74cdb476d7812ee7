"""trio.lowlevel."""

from __future__ import annotations

from typing import Any

from tests.durable.kit import Log
from tests.durable.programs.register import program


@program
async def lowlevel_checkpoints(trio: Any, log: Log) -> Any:
    with trio.CancelScope() as scope:
        scope.cancel()
        await trio.lowlevel.cancel_shielded_checkpoint()
        log("shielded")
        await trio.lowlevel.checkpoint_if_cancelled()
        log("never")
    await trio.lowlevel.checkpoint_if_cancelled()
    return scope.cancelled_caught


@program
async def lowlevel_reschedule(trio: Any, log: Log) -> Any:
    import outcome

    task: Any = None

    async def waiter() -> None:
        nonlocal task
        task = trio.lowlevel.current_task()

        def abort(_: Any) -> Any:
            return trio.lowlevel.Abort.SUCCEEDED

        log(await trio.lowlevel.wait_task_rescheduled(abort))
        try:
            await trio.lowlevel.wait_task_rescheduled(abort)
        except KeyError as error:
            log(error)
        await trio.lowlevel.wait_task_rescheduled(abort)

    async with trio.open_nursery() as nursery:
        nursery.start_soon(waiter)
        await trio.sleep(1)
        trio.lowlevel.reschedule(task, outcome.Value("hello"))
        await trio.sleep(1)
        trio.lowlevel.reschedule(task, outcome.Error(KeyError("k")))
        await trio.sleep(1)
        nursery.cancel_scope.cancel()


@program
async def lowlevel_abort_failed(trio: Any, log: Log) -> Any:
    task: Any = None
    raise_later: Any = None

    async def stubborn() -> None:
        nonlocal task
        task = trio.lowlevel.current_task()

        def abort(raise_cancel: Any) -> Any:
            nonlocal raise_later
            raise_later = raise_cancel
            log("abort asked", trio.current_time())
            return trio.lowlevel.Abort.FAILED

        await trio.lowlevel.wait_task_rescheduled(abort)
        log("rescheduled", trio.current_time())
        raise_later()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(stubborn)
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
        with trio.CancelScope(shield=True):
            await trio.sleep(1)
            trio.lowlevel.reschedule(task)
    return nursery.cancel_scope.cancelled_caught


@program
async def lowlevel_parking_lot(trio: Any, log: Log) -> Any:
    lot = trio.lowlevel.ParkingLot()

    async def parked(seconds: float) -> None:
        await trio.sleep(seconds)
        await lot.park()
        log("unparked", seconds, trio.current_time())

    async with trio.open_nursery() as nursery:
        for seconds in (0.1, 0.2, 0.3, 0.4):
            nursery.start_soon(parked, seconds)
        await trio.sleep(1)
        log(len(lot), bool(lot), len(lot.unpark()))
        await trio.sleep(1)
        other = trio.lowlevel.ParkingLot()
        lot.repark(other, count=1)
        log(len(lot), len(other))
        other.unpark_all()
        await trio.sleep(1)
        nursery.cancel_scope.cancel()
    return len(lot)


@program
async def lowlevel_broken_lot(trio: Any, log: Log) -> Any:
    lot = trio.lowlevel.ParkingLot()

    async def parked() -> None:
        try:
            await lot.park()
        except trio.BrokenResourceError as error:
            log(type(error), trio.current_time())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(parked)
        await trio.sleep(1)
        lot.break_lot()
        nursery.start_soon(parked)


@program
async def lowlevel_run_variables(trio: Any, log: Log) -> Any:
    var = trio.lowlevel.RunVar("v", "default")
    log(var.get())
    token = var.set("set")

    async def child() -> None:
        log(var.get())

    async with trio.open_nursery() as nursery:
        nursery.start_soon(child)
    var.reset(token)
    log(var.get())
    try:
        trio.lowlevel.RunVar("w").get()
    except LookupError:
        log("unset")


@program
async def lowlevel_tasks(trio: Any, log: Log) -> Any:
    me = trio.lowlevel.current_task()
    log(me is trio.lowlevel.current_task(), trio.lowlevel.in_trio_run(), trio.lowlevel.in_trio_task())

    async def child() -> None:
        task = trio.lowlevel.current_task()
        log(task is not me, task.parent_nursery is nursery, task.name.rpartition(".")[2])

    async with trio.open_nursery() as nursery:
        nursery.start_soon(child)


@program
async def aclose_forcefully_closes(trio: Any, log: Log) -> Any:
    send, _ = trio.open_memory_channel(0)
    await trio.aclose_forcefully(send)
    try:
        await send.send(1)
    except trio.ClosedResourceError as error:
        log(error)


@program
async def lowlevel_await_frames(trio: Any, log: Log) -> Any:
    async def inner() -> None:
        await trio.sleep_forever()

    async def outer() -> None:
        await inner()

    async with trio.open_nursery() as nursery:
        nursery.start_soon(outer)
        await trio.sleep(1)
        (task,) = nursery.child_tasks
        log([frame.f_code.co_name for frame, line in task.iter_await_frames() if line][:3])
        nursery.cancel_scope.cancel()


@program
async def lowlevel_run_variable_tokens(trio: Any, log: Log) -> Any:
    variable = trio.lowlevel.RunVar("variable")
    variable.set(1)
    second = variable.set(2)
    log(second.previous_value, second.redeemed)
    variable.reset(second)
    return second.redeemed, variable.get()
