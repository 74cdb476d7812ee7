"""The one place that takes from Trio what is not a plain public name of it, and hands Trio's exceptions to the core.

1. `trio.Cancelled` has no public constructor: it is made by `Cancelled._create`, which is what Trio's own `__reduce__`
   calls.
2. A turn is computed inside a task of the worker's.  Code that gets at the real Trio there (without a sandbox, or in a
   module that is passed through) would open its scopes and nurseries on that task, and cancel the worker instead of
   itself.  So for the length of a turn the real Trio finds a stand-in where it looks for the running task, which says
   what is wrong.  Trio's handler of SIGINT looks there, too, and finds what it needs.

Nothing else here touches a private name of Trio's, and tests hold these to their contracts.
"""

from __future__ import annotations

from typing import Any, Final, NoReturn

import trio

from trio_durable._core.signals import CancelReason, Vocabulary

__all__ = ["ABC", "TASK_STATUS_IGNORED", "TRIO", "TRIO_LOWLEVEL", "Abort", "Hidden"]

#: Trio's abstract classes, which hold nothing.
ABC = trio.abc

#: What a function takes that may be started by a nursery or called: `started` on it does nothing.
TASK_STATUS_IGNORED = trio.TASK_STATUS_IGNORED

#: Trio's low level, looked at for its names; of its contents only sentinels, types and markers are used.
TRIO_LOWLEVEL = trio.lowlevel

#: What abort functions answer.
Abort = trio.lowlevel.Abort


def _cancelled(reason: CancelReason) -> BaseException:
    made: BaseException = trio.Cancelled._create(
        source=reason.source,  # type: ignore[arg-type]
        source_task=reason.source_task,
        reason=reason.reason,
    )
    return made


def _cancelled_without_reason(reason: CancelReason) -> BaseException:
    made: BaseException = trio.Cancelled._create()
    return made


def _has_reasons() -> bool:
    try:
        _cancelled(CancelReason("unknown"))
    except TypeError:  # Trio before 0.31
        return False
    return True


TRIO = Vocabulary(
    Cancelled=trio.Cancelled,
    cancelled=_cancelled if _has_reasons() else _cancelled_without_reason,
    WouldBlock=trio.WouldBlock,
    TooSlowError=trio.TooSlowError,
    BrokenResourceError=trio.BrokenResourceError,
    ClosedResourceError=trio.ClosedResourceError,
    BusyResourceError=trio.BusyResourceError,
    EndOfChannel=trio.EndOfChannel,
)


class _StandIn:
    """What the real Trio finds in place of the running task and the runner; `task`: the one it stands in for."""

    __slots__ = ("_ki_protected", "coro")

    def __init__(self, task: Any = None) -> None:
        # What Trio's handler of SIGINT asks for.
        self._ki_protected = getattr(task, "_ki_protected", False)
        self.coro = getattr(task, "coro", None)

    def __getattr__(self, name: str) -> NoReturn:
        raise RuntimeError(
            "the real Trio was called inside an orchestration, where it cannot wait durably. Without a sandbox, and in "
            "modules that are passed through, `import trio` gives the real one: write `from trio_durable import "
            "durable_trio as trio` there, or run this orchestrator in the sandbox, where `import trio` is durable."
        )


class Hidden:
    """`with Hidden():` hides the running task of this thread from the real Trio; outside of Trio it does nothing."""

    __slots__ = ("_runner", "_task")

    def __enter__(self) -> None:
        here = _running.__dict__  # this thread's
        self._task, self._runner = here.get("task"), here.get("runner")
        if self._task is not None:
            here["task"], here["runner"] = _StandIn(self._task), _RUNNER

    def __exit__(self, *exc: object) -> None:
        if self._task is not None:
            _running.__dict__.update(task=self._task, runner=self._runner)


_running: Any = trio._core._run.GLOBAL_RUN_CONTEXT
_RUNNER: Final = _StandIn()
