"""What orchestrations await.

A `DurableFuture` stands for something that history will tell: an activity's result, a timer, an external event, or a
combination of those.

The rules:

1. Awaiting schedules nothing: an action takes its id where the code asks for it.  So a future may be awaited, combined
   and awaited again, and every awaiter sees the same outcome.
2. The exception is a call made while the caller's scope is cancelled: it takes no id.  It is asked for by the first
   await that is not cancelled, if there ever is one.
3. A future is *idle* when the last wait for it was cancelled: nobody is interested.  Then an event wait no longer
   takes events, a retry policy no longer tries, and a coroutine that was started for it is cancelled, unless whoever
   was told of the cancellation awaits it again at once.  A late result is kept without a sound.  Awaiting it again
   revives it, under its old id.  (A coroutine that nobody waits for yet is cancelled with the scope it was started in,
   or, when that is left, with the one around it.)
4. Awaiting is always a checkpoint, whether or not there is something to wait for.
"""

from __future__ import annotations

from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from typing import Any, Generic, Protocol, TypeVar, cast

from trio_durable._core.actions import Action
from trio_durable._core.tasks import Task, Waitable, checkpoint, checkpoint_if_cancelled, some

__all__ = ["DurableFuture", "Work", "combine", "when_all", "when_any"]

T = TypeVar("T")
M = TypeVar("M")

_PENDING, _DONE, _FAILED = 0, 1, 2


class Work(Protocol):
    """What goes on behind a future for as long as somebody is interested."""

    def pause(self) -> None:
        """Nobody is interested any more."""

    def resume(self) -> None:
        """Somebody is again."""

    def tasks(self) -> Iterable[Task]:
        """The tasks that do it."""


class DurableFuture(Generic[T]):
    """The future outcome of something durable; `await` it (or `yield` it in a generator orchestrator).

    It hashes by the order in which futures were made, so that a set of futures has one order on every host.
    """

    __slots__ = (
        "_begin", "_dependents", "_idle", "_label", "_members", "_outcome", "_serial", "_state",
        "_waiters", "_work", "action",
    )  # fmt: skip

    def __init__(self, label: str, serial: int) -> None:
        self._label = label
        self._serial = serial
        self._state = _PENDING
        self._outcome: Any = None
        self._waiters: dict[Task, None] = {}
        #: combinations that wait for this one
        self._dependents: list[DurableFuture[Any]] | None = None
        self._members: Sequence[DurableFuture[Any]] = ()
        #: asks for the action, where that had to be put off
        self._begin: Callable[[], None] | None = None
        self._work: Work | None = None
        self._idle = False
        #: what was asked for last on its behalf
        self.action: Action | None = None

    def __repr__(self) -> str:
        return f"<DurableFuture {self._label}: {('pending', 'complete', 'failed')[self._state]}>"

    def __hash__(self) -> int:
        return self._serial

    def __sandbox_order__(self) -> int:
        """The sandbox's: its place where a set of futures is iterated."""
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

    def cancel(self) -> None:
        """Say that nobody waits for it any more (rule 3 of this module); ignored while somebody does.

        It is local: what was asked for runs to its end, and its late result is kept without a sound.
        """
        self._lose_interest()

    def __await__(self) -> Generator[Waitable, Any, T]:
        if self._state == _PENDING:
            if self._begin is not None:
                yield from checkpoint_if_cancelled()
                self.begin()
            if self._idle:
                self._revive()
        if self._state == _PENDING:
            yield self
        else:
            yield from checkpoint()
        return self.get_result()

    # -- for the engine -------------------------------------------------------------------------------------------

    @property
    def is_awaited(self) -> bool:
        """Whether a task waits for it, or for a combination with it."""
        todo: list[DurableFuture[Any]] = [self]
        seen: set[DurableFuture[Any]] = set()
        while todo:
            future = todo.pop()
            if future._waiters:
                return True
            if future not in seen:
                seen.add(future)
                todo.extend(each for each in future._dependents or () if each._state == _PENDING)
        return False

    @property
    def is_idle(self) -> bool:
        """Whether nobody is interested any more (rule 3)."""
        return self._idle

    def park(self, task: Task) -> None:
        """Wake `task` when the outcome is known."""
        self._waiters[task] = None

    def forget(self, task: Task) -> bool:
        """`task` no longer waits: its wait was cancelled."""
        self._waiters.pop(task, None)
        self._lose_interest()
        return True

    def describe(self) -> str:
        """What is waited for, in words."""
        if self._members:
            return f"{self._label} ({some([each.describe() for each in self._members if not each.is_complete])})"
        return self._label if self.action is None else f"{self._label} (#{self.action.id})"

    def held_up_by(self, task: Task) -> Iterator[Task]:
        """The tasks whose outcome it is, or is made of."""
        if self._work is not None and self._state == _PENDING:
            yield from self._work.tasks()
        for member in self._members:
            yield from member.held_up_by(task)

    def ask(self, begin: Callable[[], None], *, later: bool, work: Work | None = None) -> None:
        """Have `begin` ask for the action, now or, if `later`, at the first await.  work: what to pause when idle."""
        self._work = work
        if later:
            self._begin = begin
        else:
            begin()

    def begin(self) -> None:
        """Ask for what was put off."""
        begin, self._begin = self._begin, None
        if begin is not None:
            begin()

    def _lose_interest(self) -> None:
        if self._waiters or self._idle or self._state != _PENDING:
            return
        if any(each._state == _PENDING and not each._idle for each in self._dependents or ()):
            return
        self._idle = True
        if self._work is not None:
            self._work.pause()
        for member in self._members:
            member._lose_interest()

    def _revive(self) -> None:
        self._idle = False
        for member in self._members:
            if member._idle:
                member._revive()
        if self._work is not None:
            self._work.resume()

    def complete(self, value: T) -> None:
        """Give the result; a second outcome is ignored (the first is what the code has already seen)."""
        self._settle(_DONE, value)

    def fail(self, error: BaseException) -> None:
        """Give the failure; a second outcome is ignored."""
        self._settle(_FAILED, error)

    def complete_with(self, decode: Callable[[str | None], T], payload: str | None) -> None:
        """Give as the result what `decode` makes of `payload`; what it raises is the failure."""
        try:
            value = decode(payload)
        except Exception as error:
            self.fail(error)
        else:
            self.complete(value)

    def _settle(self, state: int, outcome: object) -> None:
        if self._state != _PENDING:
            return
        self._state = state
        self._outcome = outcome
        waiters, self._waiters = self._waiters, {}
        for task in waiters:
            task.wake()
        dependents, self._dependents = self._dependents, None
        for dependent in dependents or ():
            cast(_Combination[Any, Any], dependent)._member_settled(self)


class _Combination(DurableFuture[T], Generic[T, M]):
    """The outcome of several futures; `settle` decides, each time one of them has an outcome."""

    __slots__ = ("_settler",)

    _settler: Callable[[DurableFuture[T], DurableFuture[M]], None]

    def _member_settled(self, member: DurableFuture[M]) -> None:
        if self._state == _PENDING:
            self._settler(self, member)

    def _begin_members(self) -> None:
        for member in self._members:
            member.begin()


def combine(
    label: str,
    members: Sequence[DurableFuture[M]],
    settle: Callable[[DurableFuture[T], DurableFuture[M]], None],
) -> DurableFuture[T]:
    """A future whose outcome `settle(combined, member)` gives; it is called once for each member that has an outcome,
    in the order in which they get it, those that have one already first.
    """
    combined: _Combination[T, M] = _Combination(label, _serial(members))
    combined._settler = settle
    combined._members = members
    if any(member._begin is not None for member in members):
        combined._begin = combined._begin_members
    for member in members:
        if member._state == _PENDING:
            # Those that have their outcome no longer depend on anything: a future may be combined again and again.
            pending = [each for each in member._dependents or () if each._state == _PENDING]
            member._dependents = [*pending, combined]
        else:
            combined._member_settled(member)
    return combined


def when_all(futures: Iterable[DurableFuture[T]]) -> DurableFuture[list[T]]:
    """A future of every result, in the order given; it fails as soon as one of them fails, with that failure.

    An empty iterable gives `[]`.  The others are not cancelled by a failure: they were asked for, and they run.
    """
    members = _members("when_all", futures)
    missing = len(members)

    def settle(combined: DurableFuture[list[T]], member: DurableFuture[T]) -> None:
        nonlocal missing
        missing -= 1
        if member._state == _FAILED:
            combined.fail(member._outcome)
        elif missing == 0:
            combined.complete([each._outcome for each in members])

    combined = combine(f"when_all of {len(members)}", members, settle)
    if not members:
        combined.complete([])
    return combined


def when_any(
    futures: Iterable[DurableFuture[Any]], *, cancel_losers: bool = False
) -> DurableFuture[DurableFuture[Any]]:
    """A future of the first of `futures` to have an outcome, a failure included: the very object that was passed in.

    cancel_losers: call `cancel` on the others then; otherwise they go on, and may be awaited later.
    Where several have one already, the first in the order given wins.  Raises ValueError if there is none to wait for.
    """
    members = _members("when_any", futures)
    if not members:
        raise ValueError("when_any needs at least one future: with none it would wait for ever")

    def settle(combined: DurableFuture[DurableFuture[Any]], winner: DurableFuture[Any]) -> None:
        combined.complete(winner)
        if cancel_losers:
            for member in members:
                member.cancel()

    return combine(f"when_any of {len(members)}", members, settle)


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
