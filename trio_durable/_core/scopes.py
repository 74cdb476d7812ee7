"""Cancel scopes: Trio's, on the orchestration's clock.  The `with` block; the tree they form is `scope_tree.py`.

1. A `with` block swallows Cancelled, alone or within groups, if the scope is cancelled and the one around it is not.
2. Leaving scopes in another order than they were entered corrupts the tree: it is said, and what was abandoned is
   cancelled for good.
3. A scope whose deadline is past when it is entered is cancelled at once.
"""

from __future__ import annotations

from math import inf, isnan
from types import TracebackType

from trio_durable._core.scope_tree import Scope
from trio_durable._core.signals import CancelReason
from trio_durable._core.tasks import current_scheduler, current_task, running

__all__ = ["CancelScope"]

_MISNESTED = (
    "Usually the cause is a `yield` inside a cancel scope or nursery in a generator that is not a context manager, or "
    "scopes that an ExitStack leaves in another order than it entered them."
)


class CancelScope(Scope):
    """A block of code that can be cancelled, by `cancel()` or by its deadline, which is a durable timer.

    deadline: seconds on the orchestration's clock (`trio.current_time()`).  relative_deadline: seconds from entry.
    shield: what is inside does not see the cancellation of scopes around this one.
    """

    __slots__ = ("_entered", "_relative")

    def __init__(self, *, relative_deadline: float = inf, deadline: float = inf, shield: bool = False) -> None:
        if isnan(deadline):
            raise ValueError("deadline must not be NaN")
        if isnan(relative_deadline):
            raise ValueError("relative deadline must not be NaN")
        if relative_deadline < 0:
            raise ValueError("timeout must be non-negative")
        if relative_deadline != inf and deadline != inf:
            raise ValueError("Cannot specify both a deadline and a relative deadline")
        super().__init__(deadline, shield)
        self._relative = relative_deadline
        self._entered = False

    def __repr__(self) -> str:
        binding = "active" if self._active else "exited" if self._entered else "unbound"
        state = ", cancelled" if self._called else f", deadline is {self._deadline}" if self._deadline != inf else ""
        return f"<trio.CancelScope, {binding}{state}>"

    # -- the block ------------------------------------------------------------------------------------------------

    def __enter__(self) -> CancelScope:
        task = current_task()
        if self._entered:
            raise RuntimeError("Each CancelScope may only be used for a single 'with' block")
        self._entered = True
        self._scheduler = scheduler = task._scheduler
        self._children = {}
        self._tasks = {}
        if self._relative != inf:
            self._deadline = scheduler.time() + self._relative
            self._relative = inf
        if self._deadline != inf and self._deadline <= scheduler.time():
            self._cancel(CancelReason("deadline"))
        scheduler.deadlines.entered(self)
        self._active = True
        parent = self._parent = task._scope
        assert parent is not None
        parent._children[self] = None
        self._register()
        if self._called or (parent._cancelled and not self._shield):
            self._recalculate()
        task.enter(self)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        remaining = self._close(error)
        if remaining is None:
            return True
        if remaining is error:
            return False
        # Python sets __context__ when it raises; what the error had is what it shall have.
        context = remaining.__context__
        try:
            raise remaining
        finally:
            remaining.__context__ = context
            del remaining, error, context

    def _close(self, error: BaseException | None) -> BaseException | None:
        """Leave the block with `error`; what is left of it once this scope has caught its Cancelled."""
        if not self._active:
            return self._corrupted(f"attempted to exit {self!r} which had already been exited", error)
        task = current_task()
        parent = self._parent
        if task._scope is not self:
            if self._abandoned:
                pass  # the scope around it said so when it was left
            elif not self._encloses(task._scope):
                return self._corrupted(f"attempted to exit {self!r} from unrelated {task!r}", error)
            else:
                error = self._corrupted(
                    f"attempted to exit {self!r} in {task!r} that's still within its child {task._scope!r}", error
                )
                task.enter(parent)
        else:
            task.enter(parent)
        if error is not None and (
            (self._cancelled and not self._sees_parent()) or (task._scope is not self and self._abandoned)
        ):
            error = self._catch(error)
        self._hand_over()
        self._attach(None)
        if self._tasks or self._children:
            self._abandon()
            # Nobody will recalculate what is detached now, so it is cancelled for good.
            self._cancelled = True
            for each in list(self._tasks):
                each.deliver()
            for scope in list(self._children):
                scope._recalculate()
        self._active = False
        self._register()
        return error

    def _corrupted(self, what: str, error: BaseException | None) -> BaseException:
        corrupted = RuntimeError(f"Cancel scope stack corrupted: {what}\n{_MISNESTED}")
        corrupted.__context__ = error
        return corrupted

    # -- cancelling -----------------------------------------------------------------------------------------------

    def cancel(self, reason: str | None = None) -> None:
        """Cancel the block; again and again changes nothing.  `reason` is shown in each Cancelled."""
        scheduler = running.get()
        task = scheduler._current if scheduler is not None else None
        self._cancel(CancelReason("explicit", None if task is None else repr(task), reason))

    @property
    def cancel_called(self) -> bool:
        """Whether the scope was cancelled, by a call or by its deadline.

        For a scope that is waiting for its deadline's timer the clock alone does not count: only the firing does.
        """
        if not self._called:
            if self._active:
                if self._registered != inf and self._scheduler.deadlines.is_due(self):
                    self._expire()
            elif not self._entered and self._deadline != inf and current_scheduler().time() >= self._deadline:
                self._expire()
        return self._called

    # -- deadline and shield --------------------------------------------------------------------------------------

    def _set_deadline(self, deadline: float) -> None:
        self._deadline = deadline
        if self._active:
            self._register()

    @property
    def deadline(self) -> float:
        """Seconds on the orchestration's clock at which the scope is cancelled; may be set at any time."""
        if self._relative != inf:
            raise RuntimeError("Unentered relative cancel scope does not have an absolute deadline.")
        return self._deadline

    @deadline.setter
    def deadline(self, deadline: float) -> None:
        if isnan(deadline):
            raise ValueError("deadline must not be NaN")
        if self._relative != inf:
            raise RuntimeError("Unentered relative cancel scope does not have an absolute deadline.")
        self._set_deadline(float(deadline))

    @property
    def relative_deadline(self) -> float:
        """Seconds that are left, or, before entry, that will be left at entry; may be set at any time."""
        if self._entered:
            return self._deadline - current_scheduler().time()
        if self._deadline != inf:
            raise RuntimeError("Unentered non-relative cancel scope does not have a relative deadline")
        return self._relative

    @relative_deadline.setter
    def relative_deadline(self, relative: float) -> None:
        if isnan(relative):
            raise ValueError("relative deadline must not be NaN")
        if relative < 0:
            raise ValueError("relative deadline must be non-negative")
        if self._entered:
            self._set_deadline(current_scheduler().time() + float(relative))
        elif self._deadline != inf:
            raise RuntimeError("Unentered non-relative cancel scope does not have a relative deadline")
        else:
            self._relative = relative

    @property
    def is_relative(self) -> bool | None:
        """Whether the deadline counts from entry; None once entered."""
        return None if self._entered else self._relative != inf

    @property
    def shield(self) -> bool:
        """Whether cancellation from around this scope is kept out; may be set at any time."""
        return self._shield

    @shield.setter
    def shield(self, shield: bool) -> None:
        if not isinstance(shield, bool):
            raise TypeError("shield must be a bool")
        self._shield = shield
        if self._active:
            self._recalculate()
