"""Nurseries: Trio's, over deterministic tasks.

The rules are Trio's own:

1. A nursery is left only when its block and all its children have ended.
2. What a child or the block raises cancels the nursery's scope; everything raised is gathered in one ExceptionGroup, in
   the order in which it was raised.  Without strict exception groups one exception goes out bare.
3. Waiting for the children cannot be interrupted; leaving lets every other ready task run first.
4. `start` runs its child under the caller until it reports itself started, and then moves it, with the scopes it has
   opened, under the nursery.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial
from types import TracebackType
from typing import Any, NoReturn

from trio_durable._core.groups import LOOSE
from trio_durable._core.scopes import CancelScope
from trio_durable._core.signals import CancelReason
from trio_durable._core.tasks import Task, cancel_shielded_checkpoint, current_task, wait_on

__all__ = ["Nursery", "NurseryManager", "TaskStatus", "open_nursery", "raise_as_it_is"]

_MISSING = object()


class Nursery:
    """A place for child tasks; made by `open_nursery`."""

    __slots__ = (
        "__weakref__", "_block_running", "_children", "_closed", "_errors", "_parent_task",
        "_parent_waits", "_starting", "_strict", "cancel_scope",
    )  # fmt: skip

    def __init__(self, parent: Task, scope: CancelScope, strict: bool) -> None:
        self._parent_task = parent
        self._strict = strict
        #: cancel it to cancel all children
        self.cancel_scope = scope
        self._children: dict[Task, None] = {}
        self._errors: list[BaseException] = []
        self._block_running = True
        self._parent_waits = False
        self._starting = 0
        self._closed = False
        if parent._child_nurseries is None:
            parent._child_nurseries = [self]
        else:
            parent._child_nurseries.append(self)

    def __repr__(self) -> str:
        return f"<trio.Nursery of {self._parent_task!r} with {len(self._children)} children>"

    @property
    def child_tasks(self) -> frozenset[Task]:
        """The children that are running."""
        return frozenset(self._children)

    @property
    def parent_task(self) -> Task:
        """The task that opened this nursery."""
        return self._parent_task

    def start_soon(self, async_fn: Callable[..., Any], *args: Any, name: object = None) -> None:
        """Run `await async_fn(*args)` as a child task, which begins after the tasks that are ready now.

        Raises RuntimeError if the nursery is closed, TypeError if `async_fn(*args)` is not a coroutine.
        """
        self._parent_task._scheduler.spawn_child(self, async_fn, args, name)

    async def start(self, async_fn: Callable[..., Any], *args: Any, name: object = None) -> Any:
        """Run `async_fn(*args, task_status=...)` as a child and wait until it calls `task_status.started(value)`.

        Returns that value.  Until then the child belongs to this call: what it raises is raised here, and a
        cancellation of this call cancels it.  Raises RuntimeError if it ends without having called it.
        """
        if self._closed:
            raise RuntimeError("Nursery is closed to new arrivals")
        self._starting += 1
        try:
            try:
                async with NurseryManager(True) as waiting_room:
                    status = TaskStatus(waiting_room, self)
                    child = self._parent_task._scheduler.spawn_child(
                        waiting_room, partial(async_fn, task_status=status), args, name
                    )
                    child.eventual_parent_nursery = self
            except BaseExceptionGroup as group:
                if len(group.exceptions) > 1:
                    raise RuntimeError(
                        "a task being started may not start others in the nursery of its task_status"
                    ) from group
                raise_as_it_is(group.exceptions[0])
            if status._value is _MISSING:
                raise RuntimeError("child exited without calling task_status.started()")
            return status._value
        finally:
            self._starting -= 1
            self._check_closed()

    # -- the block and the children -----------------------------------------------------------------------------------

    def park(self, task: Task) -> None:
        self._parent_waits = True

    def forget(self, task: Task) -> bool:
        return False

    def describe(self) -> str:
        if any(child.eventual_parent_nursery is not None for child in self._children):
            return "a task to call task_status.started()"
        return "the children of its nursery"

    def held_up_by(self, task: Task) -> Iterable[Task]:
        return list(self._children)

    def _raised(self, error: BaseException, reason: CancelReason) -> None:
        self._errors.append(error)
        self.cancel_scope._cancel(reason)

    def _child_finished(self, task: Task, error: BaseException | None) -> None:
        del self._children[task]
        if self._closed:
            return  # abandoned by a parent that ended without leaving the block: nobody is left to tell
        if error is not None:
            self._raised(error, CancelReason("nursery", repr(task), f"child task raised exception {_brief(error)}"))
        self._check_closed()

    def _check_closed(self) -> None:
        if not (self._block_running or self._children or self._starting):
            self._closed = True
            if self._parent_waits:
                self._parent_waits = False
                self._parent_task.wake()

    async def _block_finished(self, error: BaseException | None) -> BaseException | None:
        parent = self._parent_task
        if error is not None:
            why = f"Code block inside nursery contextmanager raised exception {_brief(error)}"
            self._raised(error, CancelReason("nursery", repr(parent), why))
        self._block_running = False
        self._check_closed()
        if self._closed:
            await cancel_shielded_checkpoint()
        else:
            await wait_on(self)
        assert parent._child_nurseries is not None
        popped = parent._child_nurseries.pop()
        assert popped is self, "Nursery misnesting detected!"
        errors, self._errors = self._errors, []
        if not errors:
            return None
        if self._strict:
            return BaseExceptionGroup("Exceptions from Trio nursery", errors)
        if len(errors) == 1:
            return errors[0]
        group = BaseExceptionGroup("Exceptions from Trio nursery", errors)
        group.add_note(LOOSE)
        return group


class NurseryManager:
    """What `async with open_nursery()` enters."""

    __slots__ = ("_nursery", "_scope", "strict_exception_groups")

    _scope: CancelScope
    _nursery: Nursery

    def __init__(self, strict_exception_groups: bool) -> None:
        self.strict_exception_groups = strict_exception_groups

    def __repr__(self) -> str:
        return "<trio.open_nursery()>"

    async def __aenter__(self) -> Nursery:
        self._scope = CancelScope()
        self._scope.__enter__()
        self._nursery = Nursery(current_task(), self._scope, self.strict_exception_groups)
        return self._nursery

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool:
        remaining = self._scope._close(await self._nursery._block_finished(error))
        if remaining is None:
            return True
        if remaining is error:
            return False
        try:
            raise_as_it_is(remaining)
        finally:
            del remaining, error

    def __enter__(self) -> NoReturn:
        raise RuntimeError("use 'async with open_nursery(...)', not 'with open_nursery(...)'")

    def __exit__(self, *exc: object) -> None: ...


def open_nursery(strict_exception_groups: bool | None = None) -> NurseryManager:
    """`async with open_nursery() as nursery:` waits for every child when the block is left.

    strict_exception_groups: whether a single exception is wrapped in a group too; None means yes, as in Trio.
    """
    return NurseryManager(strict_exception_groups is None or strict_exception_groups)


class TaskStatus:
    """What `Nursery.start` hands to its child."""

    __slots__ = ("_nursery", "_value", "_waiting_room")

    def __init__(self, waiting_room: Nursery, nursery: Nursery) -> None:
        self._waiting_room = waiting_room
        self._nursery = nursery
        self._value: Any = _MISSING

    def __repr__(self) -> str:
        return f"<Task status object{'' if self._value is _MISSING else ', started'}>"

    def started(self, value: Any = None) -> None:
        """The child is ready; `start` returns `value`."""
        if self._value is not _MISSING:
            raise RuntimeError("called 'started' twice on the same task status")
        self._value = value
        old, new = self._waiting_room, self._nursery
        if old.cancel_scope._cancelled:
            # The child may have a Cancelled on its way up that only the waiting room's scope will catch.
            return
        children, old._children = old._children, {}
        for child in children:
            child.parent_nursery = new
            child.eventual_parent_nursery = None
            new._children[child] = None
        # Everything is taken off first: if the new place is cancelled, putting it there calls into user code.
        scopes = list(old.cancel_scope._children)
        tasks = [task for task in old.cancel_scope._tasks if task is not old._parent_task]
        for scope in scopes:
            scope._attach(None)
        for task in tasks:
            task.enter(None)
        for scope in scopes:
            scope._attach(new.cancel_scope)
        for task in tasks:
            task.enter(new.cancel_scope)
        old._check_closed()


def _brief(error: BaseException) -> str:
    if isinstance(error, BaseExceptionGroup):
        # Each level of nested nurseries would say again all that the inner ones have said.
        return f"{type(error).__name__}({error.message!r}, [{len(error.exceptions)} of them])"
    return repr(error)


def raise_as_it_is(error: BaseException) -> NoReturn:
    """Raise `error` without Python's giving it another __context__."""
    context = error.__context__
    try:
        raise error
    finally:
        error.__context__ = context
        del error, context
