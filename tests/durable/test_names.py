"""Every name of the real modules has a status, and the documented table is the one that the code gives."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import trio

from tests.durable.kit import DURABLE_TRIO, durable_run
from tests.durable.test_asyncio import ANYIO
from tests.durable.test_asyncio import DURABLE as asyncio
from trio_durable._core.signals import CancelReason
from trio_durable._durable import names, trio_facade
from trio_durable._durable.vocabulary import TRIO

PAGE = Path(__file__).parents[2] / "docs" / "structured-concurrency.md"


@pytest.mark.parametrize("module", ["trio", "trio.lowlevel"])
def test_every_public_name_is_durable_passed_through_by_name_or_refused(module):
    real = trio if module == "trio" else trio.lowlevel
    public = {name for name in dir(real) if not name.startswith("_") and name not in ("annotations", "testing")}
    table = names.names_of(module)
    assert {each.name for each in table} == public
    assert len(table) == len(public), "a name stands in two rows"
    by_name = trio_facade.PASSED if module == "trio" else trio_facade.LOWLEVEL_PASSED
    assert {each.name for each in table if each.status == "passed through"} <= set(by_name)
    assert all(each.remedy for each in table if each.status == "refused")


@pytest.mark.parametrize("name", ["create_task", "ensure_future"])
def test_asyncio_tasks_that_nobody_waits_for_are_refused(name):
    (found,) = [each for each in names.names_of("asyncio") if each.name == name]
    assert found.status == "refused"
    assert "TaskGroup" in found.remedy


def test_the_documented_table_is_this_one():
    text = PAGE.read_text()
    documented = text[text.index(names.BEGIN) : text.index(names.END) + len(names.END)]
    assert documented == names.markdown(), "run: python -m trio_durable._durable.names"


def test_exceptions_are_trios_own():
    names = "Cancelled TooSlowError WouldBlock BrokenResourceError ClosedResourceError BusyResourceError EndOfChannel"
    for name in names.split():
        assert getattr(DURABLE_TRIO, name) is getattr(trio, name) is getattr(TRIO, name)


def test_the_seam_that_makes_cancelled():
    """`trio.Cancelled._create` is what Trio's own `__reduce__` calls: the contract that vocabulary.py relies on."""
    made = TRIO.cancelled(CancelReason("explicit", "<Task 1 'main'>", "why"))
    assert type(made) is trio.Cancelled
    assert (made.source, made.source_task, made.reason) == ("explicit", "<Task 1 'main'>", "why")
    assert "why" in str(made)
    with pytest.raises(TypeError):
        trio.Cancelled()
    for source in ("deadline", "explicit", "nursery", "shutdown", "unknown"):
        assert TRIO.cancelled(CancelReason(source)).source == source


def test_channels_are_what_trios_abstract_classes_call_channels():
    send, receive = DURABLE_TRIO.open_memory_channel(1)
    assert isinstance(send, trio.abc.SendChannel)
    assert isinstance(receive, trio.abc.ReceiveChannel)
    assert isinstance(send, trio.abc.AsyncResource)


def test_nothing_shows_an_address():
    made = [
        DURABLE_TRIO.CancelScope(),
        DURABLE_TRIO.CapacityLimiter(2),
        DURABLE_TRIO.Event(),
        DURABLE_TRIO.Lock(),
        DURABLE_TRIO.Semaphore(1),
        DURABLE_TRIO.lowlevel.ParkingLot(),
        DURABLE_TRIO.lowlevel.RunVar("v"),
        *DURABLE_TRIO.open_memory_channel(0),
    ]
    assert [repr(each) for each in made if " at 0x" in repr(each)] == []


def test_no_repr_shows_an_address():
    """It reaches messages and payloads, which are the same on every replay."""
    seen: dict[str, str] = {}

    async def program(trio: Any, log: Any) -> None:
        def look(**objects: object) -> None:
            seen.update({name: repr(each) for name, each in objects.items()})

        async def child(task_status: Any) -> None:
            look(status=task_status, task=asyncio.current_task())
            task_status.started()

        send, receive = trio.open_memory_channel(1)
        variable = trio.lowlevel.RunVar("name")
        async with trio.open_nursery() as nursery:
            await nursery.start(child)
            look(nursery=nursery, scope=nursery.cancel_scope, opening=trio.open_nursery(), send=send, receive=receive)
        look(
            variable=variable, token=variable.set(1), statistics=send.statistics(), lot=trio.lowlevel.ParkingLot(),
            event=trio.Event(), lock=trio.Lock(), fifo=trio.StrictFIFOLock(), semaphore=trio.Semaphore(1),
            limiter=trio.CapacityLimiter(1), condition=trio.Condition(), kernel_task=trio.lowlevel.current_task(),
        )  # fmt: skip
        look(**{name: getattr(asyncio, name)() for name in (
            "BoundedSemaphore", "Condition", "Event", "Future", "LifoQueue", "Lock", "PriorityQueue", "Queue",
            "Semaphore", "TaskGroup", "gather", "get_running_loop",
        )})  # fmt: skip
        look(timeout=asyncio.timeout(1), timeout_at=asyncio.timeout_at(None), Barrier=asyncio.Barrier(2))
        async with asyncio.TaskGroup() as group, asyncio.timeout(1) as timeout:
            task = group.create_task(asyncio.sleep(0))
            look(group=group, entered=timeout, shield=asyncio.shield(task), results=asyncio.as_completed([task]))
        look(anyio=ANYIO.create_task_group(), anyio_scope=ANYIO.CancelScope())

    assert durable_run(program).trace == (("returned", "None"),)
    assert len(seen) == 39
    assert {name: shown for name, shown in seen.items() if "0x" in shown} == {}
    assert seen["Lock"] == "<asyncio.Lock [unlocked]>"
    assert seen["entered"].startswith("<Timeout [active] when=")
    assert seen["group"] == "<TaskGroup tasks=1 errors=0 entered>"
