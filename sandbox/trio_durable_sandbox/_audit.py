"""The backstop: an audit hook that sees I/O below code that is passed through.

Python cannot remove an audit hook, so there is one per process, installed by the first `Sandbox` that wants it. It
acts only within a turn, and only where user code is on the stack: it names the function that the user's line
called (`gzip.open`), not the primitive below it.
"""

from __future__ import annotations

import linecache
import os
import sys
from types import FrameType
from typing import Any

from ._policy_members import AUDIT_TRUSTED, AUDITED
from ._remedies import REMEDIES
from ._state import MARK, get_run, violation, warn

_installed = False
_TRANSPARENT = ("trio_durable_sandbox._iterating", "trio_durable_sandbox._order", "trio_durable_sandbox._text")
"""Builtins as orchestrations have them: they call what they are given as the C functions would."""


def install() -> None:
    """Install the hook, once per process."""
    global _installed
    if not _installed:
        _installed = True
        sys.addaudithook(_hook)


def _hook(event: str, args: tuple[Any, ...]) -> None:
    if event not in AUDITED:
        return
    run = get_run()
    if run is None or run.unsafe_depth:
        return
    api, remedy = AUDITED[event]
    if event == "open" and (_is_time_zone(args[0]) or _is_source(args[0])):
        return
    name = _called(sys._getframe(1), api)
    if name is None:
        return
    if run.mode == "strict":
        raise violation(name, REMEDIES[remedy])
    if run.mode == "best_effort":
        run.unsafe_depth += 1
        try:
            warn(name, REMEDIES[remedy])
        finally:
            run.unsafe_depth -= 1


def _is_time_zone(path: object) -> bool:
    """ZoneInfo, in C, opens its data files itself: part of what `ZoneInfo("Europe/Berlin")` means."""
    zoneinfo = sys.modules.get("zoneinfo")
    return zoneinfo is not None and isinstance(path, str) and (
        path.startswith(tuple(zoneinfo.TZPATH)) or "/tzdata/zoneinfo/" in path.replace("\\", "/")
    )


def _is_source(path: object) -> bool:
    """The interpreter, in C, shows the source lines of an exception in `__del__`, which nobody can catch."""
    if not isinstance(path, str) or not path.endswith((".py", ".pyw")):
        return False
    name = os.path.basename(path)
    files = (getattr(module, "__file__", None) for module in list(sys.modules.values()))
    return path in linecache.cache or any(isinstance(file, str) and os.path.basename(file) == name for file in files)


def _called(frame: FrameType | None, primitive: str) -> str | None:
    """What user code called to get here; None where nobody did, or where the I/O is part of the language."""
    last = None
    while frame is not None:
        if MARK in frame.f_builtins:
            if frame.f_code.co_filename.startswith("<") and "importlib" in frame.f_code.co_filename:
                return None
            return primitive if last is None else _public(_module(last), last.f_code.co_qualname)
        if _module(frame) in _TRANSPARENT:
            frame = frame.f_back
            continue
        if _module(frame).partition(".")[0] in AUDIT_TRUSTED or _module(frame).startswith("trio_durable"):
            return None
        last = frame
        frame = frame.f_back
    return None


def _public(module: str, name: str) -> str:
    """The shortest path under which the package offers the function: `numpy.load`, wherever it is defined."""
    parts = module.split(".")
    for size in range(1, len(parts)):
        above = ".".join(parts[:size])
        if getattr(getattr(sys.modules.get(above), name, None), "__name__", None) == name:
            return f"{above}.{name}"
    return f"{module}.{name}"


def _module(frame: FrameType) -> str:
    return str(frame.f_globals.get("__name__", "?"))
