"""Which run is executing now, and the one way to say no.

A `ContextVar`, not a `threading.local`: reading it costs 16-23 ns against 60-70 ns (CPython 3.11 and 3.13), and
every stand-in and every audited event reads it. A scheduler that gives each task a context of its own must copy
that context inside a turn, which is where tasks are born.
"""

from __future__ import annotations

import inspect
import sys
import warnings
from collections.abc import Callable
from contextvars import ContextVar
from types import FrameType, FunctionType
from typing import TYPE_CHECKING, Any

from ._errors import SandboxInactiveError, SandboxViolationError, SandboxWarning
from ._policy import words
from ._remedies import reason_of

if TYPE_CHECKING:
    from ._run import Run

current: ContextVar[Run | None] = ContextVar("trio_durable_sandbox.run", default=None)
get_run = current.get

MARK = "__trio_durable_sandbox__"
"""A key in the `__builtins__` of sandboxed modules: a frame is the user's when its builtins hold it."""

SHARED = "__trio_durable_sandbox_shared__"
"""A further key in those of modules that are executed once and shared by all runs."""


def is_users(function: Any) -> bool:
    """A function of sandboxed code that is not a generated one."""
    return (
        isinstance(function, FunctionType)
        and MARK in function.__globals__.get("__builtins__", ())
        and not function.__code__.co_filename.startswith("<")
    )


def active_run(api: str) -> Run:
    """The run that is executing, or a clear error: sandboxed code has no clock outside of one."""
    run = get_run()
    if run is None:
        raise SandboxInactiveError(api)
    return run


def user_frame(frame: FrameType | None) -> FrameType | None:
    """The nearest frame of sandboxed code that has a file (generated methods of dataclasses have none)."""
    fallback = None
    while frame is not None:
        if MARK in frame.f_builtins:
            if not frame.f_code.co_filename.startswith("<"):
                return frame
            fallback = fallback or frame
        frame = frame.f_back
    return fallback


def place(frame: FrameType | None = None) -> tuple[str, int]:
    """File and line of the user's code that is executing now."""
    found = user_frame(frame or sys._getframe(1))
    return (found.f_code.co_filename, found.f_lineno) if found is not None else ("<unknown>", 0)


def violation(api: str, remedy: str) -> SandboxViolationError:
    """Make the error and record it on the run, so that swallowing it does not save the turn."""
    error = SandboxViolationError(api, *place(sys._getframe(1)), remedy)
    run = get_run()
    if run is not None:
        run.violations.append(error)
    return error


def warn(api: str, remedy: str) -> None:
    """The `best_effort` form of `violation`."""
    filename, lineno = place(sys._getframe(1))
    warnings.warn_explicit(f"{api} {reason_of(remedy)}. Instead: {remedy}", SandboxWarning, filename, lineno)


def refuse(api: str, remedy: str, real: Callable[..., Any] | None = None, *args: Any, **kwargs: Any) -> Any:
    """Answer a call of something that is refused.

    strict: raises. best_effort: warns and makes the call. Inside `unsafe()`: makes the call. While a module is
    being executed: nobody may need the answer (a file holds activities too), so a `Refused` object takes its
    place and raises when a turn uses it.
    """
    run = active_run(api)
    if run.unsafe_depth == 0:
        if run.mode == "strict":
            if run.loading:
                return Refused(api, remedy, *place(sys._getframe(1)))
            raise violation(api, remedy)
        warn(api, remedy)
    if real is None:
        raise violation(api, remedy)
    run.unsafe_depth += 1
    try:
        return FRAMED.get(real, real)(*args, **kwargs)
    finally:
        run.unsafe_depth -= 1


def _frame_of_caller(depth: int = 0) -> FrameType | None:
    """The frame of the user's line that called what was refused, or one `depth` above it."""
    frame = user_frame(sys._getframe(1))
    for _ in range(depth):
        frame = None if frame is None else frame.f_back
    if frame is None:
        raise ValueError("call stack is not deep enough")
    return frame


def _stack_of_caller(context: int = 1) -> Any:
    return inspect.getouterframes(_frame_of_caller(), context)


def _module_of_caller(depth: int = 0) -> Any:
    frame = _frame_of_caller(depth)
    return None if frame is None else str(frame.f_globals.get("__name__"))


FRAMED: dict[Any, Callable[..., Any]] = {
    sys._getframe: _frame_of_caller,
    inspect.currentframe: _frame_of_caller,
    inspect.stack: _stack_of_caller,
    getattr(sys, "_getframemodulename", None): _module_of_caller,
}
"""Functions that look at the frame of their caller: without violation, they shall see the user's, not the sandbox's."""


class Refused:
    """What a refused call gives while a module is being executed: `session = requests.Session()`.

    Attribute access, calls and operators give another one as long as the module is being executed; in a turn, and
    wherever Python demands a real value (a truth value, an int, an iteration), it is a violation that names the
    original API and its line.
    """

    __slots__ = ("_api", "_at", "_remedy")

    def __init__(self, api: str, remedy: str, filename: str, lineno: int) -> None:
        object.__setattr__(self, "_api", api)
        object.__setattr__(self, "_remedy", remedy)
        object.__setattr__(self, "_at", (filename, lineno))

    def __repr__(self) -> str:
        return f"<refused: {object.__getattribute__(self, '_api')}>"

    def __mro_entries__(self, bases: tuple[Any, ...]) -> tuple[type, ...]:
        return ()


def _again(self: Refused, *args: Any, **kwargs: Any) -> Any:
    run = active_run(object.__getattribute__(self, "_api"))
    return self if run.loading and run.mode == "strict" else _use(self)


def _use(self: Refused, *args: Any, **kwargs: Any) -> Any:
    api = object.__getattribute__(self, "_api")
    filename, lineno = object.__getattribute__(self, "_at")
    remedy = object.__getattribute__(self, "_remedy")
    raise violation(api, f"{remedy} (the value was made at {filename}:{lineno}, while the module was loaded)")


_AGAIN = (
    "call getitem setattr delattr setitem delitem enter exit aenter aexit add radd sub rsub mul rmul truediv "
    "rtruediv floordiv rfloordiv mod rmod and rand or ror xor rxor lshift rshift pow rpow matmul neg pos invert "
    "eq ne lt le gt ge"
)
_USE = "bool iter next len contains str format bytes int float complex index fspath await aiter anext hash round"


def _getattr(self: Refused, name: str) -> Any:
    # Introspection (inspect.unwrap, dataclasses, abc) asks for dunder names to see what kind of thing this is.
    if name.startswith("__") and name.endswith("__"):
        raise AttributeError(name)
    return _again(self)


Refused.__getattr__ = _getattr  # type: ignore[attr-defined]
for _name in words(_AGAIN):
    setattr(Refused, f"__{_name}__", _again)
for _name in words(_USE):
    setattr(Refused, f"__{_name}__", _use)
