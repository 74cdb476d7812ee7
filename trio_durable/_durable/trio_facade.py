"""What `import trio` gives inside an orchestration: the durable Trio.

A name is *durable* (it runs on the orchestration's own scheduler, with deadlines as durable timers), *passed through*
(it is Trio's own, because it holds no state: exceptions, sentinels, abstract classes) or *refused* (every other name of
Trio's: the sandbox raises SandboxViolationError with a remedy, as its policy says).  `names.py` makes the documented
table from these two dictionaries.

`durable_trio` is the same for code that no sandbox sees, and so has to ask for it by this name.

Nothing here belongs to a run: every function finds its scheduler by `current_task()`, so one object serves all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any

import trio
from trio_durable_sandbox import refuse

from trio_durable._core import channels, nurseries, parking, runvars, safe_channels, scopes, sync, tasks, timeouts
from trio_durable._core.tasks import Task
from trio_durable._durable.vocabulary import ABC, TRIO_LOWLEVEL, Abort

__all__ = ["DURABLE", "LOWLEVEL_DURABLE", "LOWLEVEL_PASSED", "PASSED", "durable_trio", "trio_facade"]


async def aclose_forcefully(resource: Any) -> None:
    """Close `resource` at once, without the courtesies it would wait for."""
    with scopes.CancelScope() as scope:
        scope.cancel(reason="cancelled during aclose_forcefully")
        await resource.aclose()


DURABLE: dict[str, Any] = {
    "CancelScope": scopes.CancelScope,
    "CapacityLimiter": sync.CapacityLimiter,
    "Condition": sync.Condition,
    "Event": sync.Event,
    "Lock": sync.Lock,
    "MemoryReceiveChannel": channels.MemoryReceiveChannel,
    "MemorySendChannel": channels.MemorySendChannel,
    "Nursery": nurseries.Nursery,
    "Semaphore": sync.Semaphore,
    "StrictFIFOLock": sync.StrictFIFOLock,
    "aclose_forcefully": aclose_forcefully,
    "as_safe_channel": safe_channels.as_safe_channel,
    "current_effective_deadline": timeouts.current_effective_deadline,
    "current_time": timeouts.current_time,
    "fail_after": timeouts.fail_after,
    "fail_at": timeouts.fail_at,
    "move_on_after": timeouts.move_on_after,
    "move_on_at": timeouts.move_on_at,
    "open_memory_channel": channels.open_memory_channel,
    "open_nursery": nurseries.open_nursery,
    "sleep": timeouts.sleep,
    "sleep_forever": timeouts.sleep_forever,
    "sleep_until": timeouts.sleep_until,
}

#: Names that are Trio's own objects; those that this version of Trio lacks are left out.
_PASSED = (
    "BrokenResourceError BusyResourceError Cancelled ClosedResourceError EndOfChannel NeedHandshakeError "
    "RunFinishedError TooSlowError TrioDeprecationWarning TrioInternalError WouldBlock TASK_STATUS_IGNORED TaskStatus "
    "abc CapacityLimiterStatistics ConditionStatistics DTLSChannelStatistics EventStatistics LockStatistics "
    "MemoryChannelStatistics __version__"
)
PASSED: dict[str, Any] = {name: getattr(trio, name) for name in _PASSED.split() if hasattr(trio, name)}


# -- trio.lowlevel ----------------------------------------------------------------------------------------------------


class _Trap:
    """A wait with an abort function of the user's."""

    __slots__ = ("_abort", "_tried")

    def __init__(self, abort: Callable[[Callable[[], Any]], Any]) -> None:
        self._abort = abort
        self._tried = False

    def park(self, task: Task) -> None:
        pass

    def forget(self, task: Task) -> bool:
        if self._tried:
            return False
        self._tried = True
        error = task.cancelled()

        def raise_cancel() -> None:
            raise error

        # Not in the context of whoever cancels: a firing timer, say, which no task stands behind.
        try:
            answer = task.context.copy().run(self._abort, raise_cancel)
            if type(answer) is not Abort:
                raise trio.TrioInternalError("abort function must return Abort enum")
        except Exception as raised:
            task._scheduler.crash(raised)
            return False
        return answer is Abort.SUCCEEDED

    def describe(self) -> str:
        return "somebody to reschedule it (wait_task_rescheduled)"

    def held_up_by(self, task: Task) -> Iterable[Task]:
        return ()


async def wait_task_rescheduled(abort_func: Callable[[Callable[[], Any]], Any]) -> Any:
    """Wait until `reschedule` is called for this task; `abort_func(raise_cancel)` answers a cancellation."""
    return await tasks.wait_on(_Trap(abort_func))


def reschedule(task: Task, next_send: Any = None) -> None:
    """Make a task that waits in `wait_task_rescheduled` go on, with an `outcome.Value` or `outcome.Error`."""
    if not task.is_waiting:
        raise AssertionError(f"{task!r} does not wait: reschedule may be called once for every wait")
    if next_send is None:
        task.wake()
        return
    try:
        value = next_send.unwrap()
    except BaseException as error:
        task.fail(error)
    else:
        task.wake(value)


def current_root_task() -> Task | None:
    """The task that runs the orchestrator function."""
    return tasks.current_scheduler().root_task


def in_trio_run() -> bool:
    """Whether durable Trio runs this code."""
    return tasks.running.get() is not None


def in_trio_task() -> bool:
    """Whether a task of durable Trio runs this code."""
    scheduler = tasks.running.get()
    return scheduler is not None and scheduler.current is not None


LOWLEVEL_DURABLE: dict[str, Any] = {
    "ParkingLot": parking.ParkingLot,
    "RunVar": runvars.RunVar,
    "RunVarToken": runvars.RunVarToken,
    "Task": Task,
    "add_parking_lot_breaker": parking.add_parking_lot_breaker,
    "cancel_shielded_checkpoint": tasks.cancel_shielded_checkpoint,
    "checkpoint": tasks.checkpoint,
    "checkpoint_if_cancelled": tasks.checkpoint_if_cancelled,
    "current_root_task": current_root_task,
    "current_task": tasks.current_task,
    "in_trio_run": in_trio_run,
    "in_trio_task": in_trio_task,
    "remove_parking_lot_breaker": parking.remove_parking_lot_breaker,
    "reschedule": reschedule,
    "wait_task_rescheduled": wait_task_rescheduled,
}

_LOWLEVEL_PASSED = (
    "Abort ParkingLotStatistics RaiseCancelT RunStatistics UnboundedQueueStatistics currently_ki_protected "
    "disable_ki_protection enable_ki_protection"
)
LOWLEVEL_PASSED: dict[str, Any] = {
    name: getattr(TRIO_LOWLEVEL, name) for name in _LOWLEVEL_PASSED.split() if hasattr(TRIO_LOWLEVEL, name)
}

_LOWLEVEL_REMEDY = "do it in an activity and await its result; the orchestration runs on a scheduler of its own"


class _Lowlevel(SimpleNamespace):
    """`trio.lowlevel`: what it lacks is refused where it is looked up."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") or not hasattr(TRIO_LOWLEVEL, name):
            raise AttributeError(f"module 'trio.lowlevel' has no attribute {name!r}")
        return refuse(f"trio.lowlevel.{name}", _LOWLEVEL_REMEDY, getattr, TRIO_LOWLEVEL, name)


class _Testing(SimpleNamespace):
    """`trio.testing`: refused, name by name."""

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(f"module 'trio.testing' has no attribute {name!r}")
        return refuse(f"trio.testing.{name}", "test orchestrations from outside, with trio_durable.testing")


def _make() -> SimpleNamespace:
    # So that `isinstance(channel, trio.abc.ReceiveChannel)` and the like say what they say of Trio's own.
    ABC.SendChannel.register(channels.MemorySendChannel)
    ABC.ReceiveChannel.register(channels.MemoryReceiveChannel)
    ABC.ReceiveChannel.register(safe_channels._Requesting)
    ABC.AsyncResource.register(channels.MemorySendChannel)
    ABC.AsyncResource.register(channels.MemoryReceiveChannel)
    lowlevel = _Lowlevel(**LOWLEVEL_DURABLE, **LOWLEVEL_PASSED)
    return SimpleNamespace(**DURABLE, **PASSED, lowlevel=lowlevel, testing=_Testing())


_FACADE = _make()


def trio_facade(run: object = None) -> SimpleNamespace:
    """The durable Trio; the same for every run."""
    return _FACADE


def _module() -> ModuleType:
    made = ModuleType("trio_durable.durable_trio", "The durable Trio, for orchestrations that run without a sandbox.")
    made.__dict__.update(vars(_FACADE))

    def refused(name: str) -> Any:
        raise AttributeError(
            f"the durable Trio has no {name!r}. What cannot be durable belongs in an activity; the page on structured "
            "concurrency lists every name."
        )

    made.__dict__["__getattr__"] = refused
    return made


if TYPE_CHECKING:
    durable_trio = trio
else:
    durable_trio = _module()
