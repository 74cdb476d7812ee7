"""What orchestrations await.

A `DurableFuture` stands for something that history will tell: an activity's result, a timer, an external event, or a
combination of those.  Awaiting one schedules nothing (its action was made where the code asked for it), so it may be
awaited, combined and awaited again, and every awaiter sees the same outcome.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Sequence
from typing import Any, Generic, TypeVar, cast

from trio_durable._core.scheduler import CHECKPOINT, Task, Waitable

__all__ = ["DurableFuture", "when_all", "when_any"]

T = TypeVar("T")

_PENDING, _DONE, _FAILED = 0, 1, 2


class DurableFuture(Generic[T]):
    """The future outcome of something durable; `await` it (or `yield` it in a generator orchestrator).

    It hashes by the order in which futures were made, so that a set of futures has one order on every host.
    """

    __slots__ = ("_callbacks", "_label", "_outcome", "_serial", "_state", "_waiters")

    def __init__(self, label: str, serial: int) -> None:
        self._label = label
        self._serial = serial
        self._state = _PENDING
        self._outcome: Any = None
        self._waiters: dict[Task, None] = {}
        self._callbacks: list[Callable[[DurableFuture[T]], None]] = []

    def __repr__(self) -> str:
        return f"<DurableFuture {self._label}: {('pending', 'complete', 'failed')[self._state]}>"

    def __hash__(self) -> int:
        return self._serial

    def __bool__(self) -> bool:
        raise TypeError(
            f"{self!r} has no truth value: `await` it to get its result, or ask `is_complete` whether it is done"
        )

    @property
    def is_complete(self) -> bool:
        """Whether the outcome, a result or a failure, is known."""
        return self._state != _PENDING

    @property
    def is_failed(self) -> bool:
        """Whether the outcome is a failure."""
        return self._state == _FAILED

    def get_result(self) -> T:
        """The result; raises the failure if it failed, RuntimeError if the outcome is not known yet."""
        if self._state == _DONE:
            return cast(T, self._outcome)
        if self._state == _PENDING:
            raise RuntimeError(f"{self!r} has no result yet: await it first")
        raise self._outcome.with_traceback(None)

    def get_exception(self) -> BaseException | None:
        """The failure, None if it succeeded; raises RuntimeError if the outcome is not known yet."""
        if self._state == _PENDING:
            raise RuntimeError(f"{self!r} has no outcome yet: await it first")
        return cast(BaseException, self._outcome) if self._state == _FAILED else None

    def __await__(self) -> Generator[Waitable, None, T]:
        if self._state == _PENDING:
            yield self
        else:
            # Awaiting is always a checkpoint, as in Trio, whether or not there is something to wait for.
            yield CHECKPOINT
        return self.get_result()

    # -- for the engine -------------------------------------------------------------------------------------------

    def park(self, task: Task) -> None:
        self._waiters[task] = None

    def forget(self, task: Task) -> None:
        self._waiters.pop(task, None)

    def complete(self, value: T) -> None:
        """Give the result; a second outcome is ignored (the first is what the code has already seen)."""
        self._settle(_DONE, value)

    def fail(self, error: BaseException) -> None:
        """Give the failure; a second outcome is ignored."""
        self._settle(_FAILED, error)

    def _settle(self, state: int, outcome: object) -> None:
        if self._state != _PENDING:
            return
        self._state = state
        self._outcome = outcome
        waiters, self._waiters = self._waiters, {}
        callbacks, self._callbacks = self._callbacks, []
        for task in waiters:
            task.wake()
        for callback in callbacks:
            callback(self)

    def on_outcome(self, callback: Callable[[DurableFuture[T]], None]) -> None:
        """Call `callback(self)` when the outcome is known; at once if it is."""
        if self._state == _PENDING:
            self._callbacks.append(callback)
        else:
            callback(self)


def when_all(futures: Iterable[DurableFuture[T]]) -> DurableFuture[list[T]]:
    """A future of every result, in the order given; it fails as soon as one of them fails, with that failure.

    An empty iterable gives `[]`.  The others are not cancelled by a failure: they were asked for, and they run.
    """
    members = _members("when_all", futures)
    combined: DurableFuture[list[T]] = DurableFuture(f"when_all of {len(members)}", _serial(members))
    missing = len(members)

    def settle(member: DurableFuture[T]) -> None:
        nonlocal missing
        if member._state == _FAILED:
            combined.fail(member._outcome)
        else:
            missing -= 1
            if missing == 0:
                combined.complete([each._outcome for each in members])

    if not members:
        combined.complete([])
    for member in members:
        member.on_outcome(settle)
    return combined


def when_any(futures: Iterable[DurableFuture[Any]]) -> DurableFuture[DurableFuture[Any]]:
    """A future of the first of `futures` to have an outcome, a failure included: the very object that was passed in.

    Where several have one already, the first in the order given wins.  Raises ValueError if there is none to wait for.
    """
    members = _members("when_any", futures)
    if not members:
        raise ValueError("when_any needs at least one future: with none it would wait for ever")
    combined: DurableFuture[DurableFuture[Any]] = DurableFuture(f"when_any of {len(members)}", _serial(members))
    for member in members:
        member.on_outcome(combined.complete)
    return combined


def _members(name: str, futures: Iterable[DurableFuture[T]]) -> Sequence[DurableFuture[T]]:
    members = list(futures)
    for position, member in enumerate(members):
        if not isinstance(member, DurableFuture):
            raise TypeError(
                f"{name} takes what the context's calls return, but item {position} is a {type(member).__name__}. "
                f"For coroutines use ctx.{name}, which can start them."
            )
    return members


def _serial(members: Sequence[DurableFuture[Any]]) -> int:
    # Integers hash to themselves everywhere, so this is the same on every host.
    return hash(tuple(member._serial for member in members))
