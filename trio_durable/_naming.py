"""Under which name a function stands in history.

A worker's registry knows what was registered with it.  A client has no registry, and an orchestration may call what
only another worker has; but whoever holds the function has, as a rule, executed the decorator that named it.  So
registering notes the name on the function, too, and callers find it there.
"""

from __future__ import annotations

import inspect
from collections.abc import Callable, Sequence
from contextlib import suppress
from typing import Any

__all__ = ["called_by", "note", "noted"]

_NOTED = "__trio_durable_names__"


def note(function: Callable[..., Any], name: str) -> None:
    """Note that `function` was registered under `name`."""
    names = noted(function)
    if name not in names:
        with suppress(AttributeError, TypeError):  # a method or a builtin takes no notes; its own name has to do
            setattr(function, _NOTED, (*names, name))


def noted(function: object) -> tuple[str, ...]:
    """Every name that `function` was registered under in this process, the first one first."""
    names = getattr(function, _NOTED, ())
    return names if isinstance(names, tuple) else ()


def called_by(function: object, known: Sequence[str]) -> str:
    """The name to call `function` by, which is known under `known` names.

    Its own if that is one of them, or if there is none; else the only one.  Raises TypeError for what is no function,
    for functions without a name, and where there are several names and none is the function's own.
    """
    if inspect.iscoroutine(function):
        function.close()  # it will never be awaited, and that is no second mistake
    if not callable(function):
        called = inspect.isawaitable(function) or inspect.isgenerator(function)
        remedy = "; pass the function itself, without calling it, and its input as `input=`" if called else ""
        raise TypeError(f"expected a function or its registered name, got {function!r}{remedy}")
    own = getattr(function, "__name__", "")
    if own in known:
        return str(own)
    if len(known) == 1:
        return known[0]
    if known:
        names = ", ".join(repr(name) for name in known)
        raise TypeError(f"{own or function!r} is registered as {names}: give the name that is meant, as text")
    if not isinstance(own, str) or not own or own == "<lambda>":
        raise TypeError(f"expected a function or its registered name, got {function!r}, which has no name")
    return own
