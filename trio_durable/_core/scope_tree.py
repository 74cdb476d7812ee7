"""The tree of cancel scopes, and how a cancellation spreads through it.

The rules are Trio's own; this file and `scopes.py`, which has the `with` block, only say where they live.

1. A scope is *cancelled* (`_cancelled`) if it was itself (`_called`), or if the scope around it is and it has no
   shield.  The tree mirrors the nesting of `with` blocks; a nursery's scope also holds the scopes of its children.
2. When a scope becomes cancelled, every task directly in it, and then every scope in it, is told; in order of entry.
3. Deadlines are `deadlines.py`'s.
4. What may outlive the block it was started in (`_outlives`: the task of a coroutine that was given to `when_any` and
   its kin) belongs to the scope around that block once the block is left; cancelled it stays cancelled.
"""

from __future__ import annotations

from math import inf
from typing import TYPE_CHECKING, ClassVar, Self

from trio_durable._core.deadlines import Deadline
from trio_durable._core.groups import collapse
from trio_durable._core.signals import CancelReason

if TYPE_CHECKING:
    from trio_durable._core.scheduler import Scheduler
    from trio_durable._core.tasks import Task

__all__ = ["Scope"]


class Scope(Deadline):
    """A node of the tree: the root, what a task runs in that has no block of its own, or a `CancelScope`."""

    __slots__ = (
        "_abandoned", "_active", "_called", "_cancelled", "_children", "_deadline", "_parent", "_reason", "_scheduler",
        "_shield", "_tasks", "cancelled_caught",
    )  # fmt: skip

    #: whether it is handed to the scope around when the block it is in is left
    _outlives: ClassVar[bool] = False

    _children: dict[Scope, None]
    _tasks: dict[Task, None]
    _scheduler: Scheduler

    def __init__(self, deadline: float = inf, shield: bool = False) -> None:
        self._registered = inf
        self._entry = 0
        self._timers = None
        self._deadline = deadline
        self._shield = shield
        self._active = self._called = self._cancelled = self._abandoned = False
        self._reason: CancelReason | None = None
        self._parent: Scope | None = None
        self.cancelled_caught = False

    @classmethod
    def root(cls, scheduler: Scheduler) -> Self:
        """The scope around everything that `scheduler` runs."""
        scope = cls()
        scope._scheduler = scheduler
        scope._children = {}
        scope._tasks = {}
        scope._active = True
        return scope

    @classmethod
    def under(cls, parent: Scope) -> Self:
        """A scope within `parent` that no block is entered for; `_detach` ends it."""
        scope = cls.root(parent._scheduler)
        scope._attach(parent)
        return scope

    def __repr__(self) -> str:
        return f"<trio.CancelScope, {'active' if self._active else 'exited'}{', cancelled' if self._called else ''}>"

    def _detach(self) -> None:
        self._hand_over()
        self._attach(None)
        self._active = False

    # -- the tree -------------------------------------------------------------------------------------------------

    def _encloses(self, scope: Scope | None) -> bool:
        while scope is not None:
            if scope is self:
                return True
            scope = scope._parent
        return False

    def _sees_parent(self) -> bool:
        parent = self._parent
        return parent is not None and not self._shield and parent._cancelled

    def _attach(self, parent: Scope | None) -> None:
        if self._parent is not None:
            self._parent._children.pop(self, None)
        self._parent = parent
        if parent is not None:
            parent._children[self] = None
            self._recalculate()

    def _hand_over(self) -> None:
        """Give what may outlive this scope to the one around it."""
        if self._parent is not None:
            for scope in [each for each in self._children if each._outlives]:
                scope._decide()
                scope._attach(self._parent)

    def _decide(self) -> None:
        """Whether the cancellation around it is for it, too, if that is still open."""

    def _abandon(self) -> None:
        self._abandoned = True
        for scope in self._children:
            scope._abandon()

    def _recalculate(self) -> None:
        todo = [self]
        while todo:
            scope = todo.pop()
            sees = scope._sees_parent()
            cancelled = scope._called or sees
            if cancelled != scope._cancelled:
                if scope._reason is None and sees:
                    assert scope._parent is not None
                    scope._reason = scope._parent._reason
                scope._cancelled = cancelled
                if cancelled:
                    for task in list(scope._tasks):
                        task.deliver()
                todo.extend(reversed(scope._children))

    # -- cancelling -------------------------------------------------------------------------------------------------

    def _cancel(self, reason: CancelReason | None) -> None:
        if self._called:
            return
        if self._reason is None:
            self._reason = reason
        self._called = True
        if self._active:
            self._register()
            self._recalculate()

    def _catch(self, error: BaseException) -> BaseException | None:
        cancelled = self._scheduler.words.Cancelled
        if isinstance(error, cancelled):
            self.cancelled_caught = True
            return None
        if isinstance(error, BaseExceptionGroup):
            matched, rest = error.split(cancelled)
            if matched is not None:
                self.cancelled_caught = True
            return None if rest is None else collapse(rest)
        return error

    # -- the deadline -----------------------------------------------------------------------------------------------

    def _register(self) -> None:
        deadline = self._deadline if self._active and not self._called else inf
        if deadline != self._registered:
            self._scheduler.deadlines.register(self, deadline, self._scheduler.now)

    def _expire(self) -> None:
        self._cancel(CancelReason("deadline"))

    def _move(self, deadline: float) -> None:
        self._deadline = deadline
        self._register()
