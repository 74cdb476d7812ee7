"""What `import asyncio` gives inside an orchestration: its waiting, on the orchestration's own scheduler.

`create_task` and `ensure_future` are refused in strict mode: TaskGroup waits for what it starts. In best_effort mode
they start a task, after a warning. The event loop, streams, processes and threads are not here, so the sandbox refuses
them.
"""

from __future__ import annotations

import asyncio
from types import SimpleNamespace
from typing import Any

from trio_durable_sandbox import SandboxViolationError, refuse

from trio_durable._core import timeouts
from trio_durable._core.tasks import current_scheduler
from trio_durable._durable import aio_futures, aio_groups, aio_queues, aio_sync, aio_tasks, aio_waits

__all__ = ["DURABLE", "PASSED", "asyncio_facade"]


async def sleep(delay: float, result: Any = None) -> Any:
    """A durable timer of `delay` seconds; 0 or less only lets the others run.  `result` is returned."""
    if delay != delay:
        raise ValueError("Invalid delay: NaN (not a number)")
    if delay <= 0:
        await aio_tasks.pause()
    else:
        await timeouts.sleep_until(current_scheduler().time() + delay)
    return result


def current_task(loop: object = None) -> aio_futures.AioTask:
    """The task that is running."""
    return aio_futures.running_task()


class _Loop:
    """What is left of the event loop: its clock, and futures."""

    def __repr__(self) -> str:
        return "<the event loop of an orchestration>"

    def time(self) -> float:
        """The orchestration's clock, in seconds."""
        return timeouts.current_time()

    def create_future(self) -> aio_futures.AioFuture:
        """A future to be settled by hand."""
        return aio_futures.AioFuture()

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(asyncio.AbstractEventLoop, name):
            raise AttributeError(f"the event loop of an orchestration has no attribute {name!r}")
        remedy = "start it in a TaskGroup (asyncio.TaskGroup), which waits for it; do I/O in an activity"
        return refuse(f"asyncio event loop.{name}", remedy)


_LOOP = _Loop()


def get_running_loop() -> _Loop:
    """An object with the orchestration's clock, `time()`, and `create_future()`; the rest of a loop is refused."""
    current_scheduler()
    return _LOOP


def isfuture(obj: object) -> bool:
    """Whether `obj` is a future or a task of asyncio's names."""
    return isinstance(obj, aio_futures.AioFuture)


DURABLE: dict[str, Any] = {
    "Barrier": aio_sync.Barrier,
    "BoundedSemaphore": aio_sync.BoundedSemaphore,
    "Condition": aio_sync.Condition,
    "Event": aio_sync.Event,
    "Future": aio_futures.AioFuture,
    "LifoQueue": aio_queues.LifoQueue,
    "Lock": aio_sync.Lock,
    "PriorityQueue": aio_queues.PriorityQueue,
    "Queue": aio_queues.Queue,
    "QueueShutDown": aio_queues.QueueShutDown,
    "Semaphore": aio_sync.Semaphore,
    "Task": aio_futures.AioTask,
    "TaskGroup": aio_groups.TaskGroup,
    "Timeout": aio_waits.Timeout,
    "all_tasks": aio_tasks.all_tasks,
    "as_completed": aio_waits.as_completed,
    "current_task": current_task,
    "gather": aio_tasks.gather,
    "get_event_loop": get_running_loop,
    "get_running_loop": get_running_loop,
    "isfuture": isfuture,
    "shield": aio_tasks.shield,
    "sleep": sleep,
    "timeout": aio_waits.timeout,
    "timeout_at": aio_waits.timeout_at,
    "wait": aio_waits.wait,
    "wait_for": aio_waits.wait_for,
}

_PASSED = (
    "ALL_COMPLETED BrokenBarrierError CancelledError FIRST_COMPLETED FIRST_EXCEPTION IncompleteReadError "
    "InvalidStateError LimitOverrunError QueueEmpty QueueFull TimeoutError iscoroutine iscoroutinefunction"
)
PASSED: dict[str, Any] = {name: getattr(asyncio, name) for name in _PASSED.split()}

_STRUCTURE = "start it in a TaskGroup (asyncio.TaskGroup) or a nursery (trio.open_nursery), which waits for it"


def _unstructured(name: str) -> Any:
    """A name that strict mode refuses and that in best_effort mode works, after a warning."""

    def call(*args: Any, **kwargs: Any) -> Any:
        make = aio_tasks.ensure_detached if name == "ensure_future" else aio_tasks.detach
        try:
            return refuse(f"asyncio.{name}", _STRUCTURE, make, *args, **kwargs)
        except SandboxViolationError:
            for arg in args:
                if asyncio.iscoroutine(arg):
                    arg.close()  # or else it would be said, later and elsewhere, that it was never awaited
            raise

    call.__name__ = call.__qualname__ = name
    return call


#: Refused in strict mode.
UNSTRUCTURED: dict[str, Any] = {name: _unstructured(name) for name in ("create_task", "ensure_future")}

_FACADE = SimpleNamespace(**DURABLE, **PASSED, **UNSTRUCTURED)


def asyncio_facade(run: object = None) -> SimpleNamespace:
    """asyncio's names; the same object for every run."""
    return _FACADE
