"""A second net, for tests: clocks, entropy and settings that passed-through libraries read within a turn.

The sandbox does not change libraries, and no audit event tells of `time.time()` or `os.urandom()`. A profile function
sees every call; it makes Python code several times slower, so it is for tests, where each turn of an orchestration may
run under it.
"""

from __future__ import annotations

import _random
import datetime
import os
import random
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from types import FrameType
from typing import Any

from ._policy import words
from ._policy_members import AUDIT_TRUSTED
from ._state import get_run, user_frame

_FUNCTIONS: dict[Any, str] = {
    getattr(module, name): f"{module.__name__}.{name}"
    for module, names in (
        (time, "time time_ns monotonic monotonic_ns perf_counter perf_counter_ns process_time process_time_ns "
               "thread_time thread_time_ns clock_gettime clock_gettime_ns localtime gmtime strftime ctime asctime"),
        (os, "urandom getrandom getpid getppid getcwd cpu_count uname getlogin"),
    )
    for name in words(names) if hasattr(module, name)
}  # fmt: skip
_IF_NO_ARGUMENT = frozenset({"time.localtime", "time.gmtime", "time.strftime", "time.ctime", "time.asctime"})
_ENVIRON = type(os.environ).__getitem__.__code__
_SHARED_RANDOM = getattr(random, "_inst")  # noqa: B009  (the generator behind the functions of `random`)


@dataclass(frozen=True, slots=True)
class Leak:
    """A library asked the host within a turn.

    Attributes:
        api: what it called.
        library: the module that called it.
        filename, lineno: the user's line below which that happened.
    """

    api: str
    library: str
    filename: str
    lineno: int

    def __str__(self) -> str:
        return (
            f"{self.api} was called by {self.library}, below {self.filename}:{self.lineno}. Instead: pass the value "
            f'in, call the library in an activity, or execute it inside with Sandbox(isolate=["{self.library}"])'
        )


def _called(event: str, frame: FrameType, argument: Any) -> str | None:
    if event == "call":
        return "os.environ" if frame.f_code is _ENVIRON else None
    if event != "c_call":
        return None
    try:
        known = _FUNCTIONS.get(argument)
    except TypeError:  # bound to something that has no hash
        known = None
    if known is not None:
        return None if known in _IF_NO_ARGUMENT and frame.f_code.co_name != "now" else known
    owner = getattr(argument, "__self__", None)
    if isinstance(owner, type) and issubclass(owner, datetime.date) and argument.__name__ in ("now", "utcnow", "today"):
        return f"{owner.__name__}.{argument.__name__}"
    if isinstance(owner, _random.Random) and owner is _SHARED_RANDOM:
        return f"random.{argument.__name__}"
    return None


@contextmanager
def watch() -> Iterator[list[Leak]]:
    """`with watch() as leaks:` around turns on this thread; afterwards `leaks` should be empty."""
    leaks: list[Leak] = []

    def profile(frame: FrameType, event: str, argument: Any) -> None:
        api = _called(event, frame, argument)
        run = get_run() if api is not None else None
        if run is None or run.unsafe_depth:
            return
        caller = frame if event == "c_call" else frame.f_back
        library = "?" if caller is None else str(caller.f_globals.get("__name__", "?"))
        while caller is not None and library in ("uuid", "random", "secrets", "os", "datetime", "collections.abc"):
            caller = caller.f_back
            library = "?" if caller is None else str(caller.f_globals.get("__name__", "?"))
        if library.partition(".")[0] in AUDIT_TRUSTED or library.startswith("trio_durable"):
            return
        found = user_frame(frame)
        if found is not None:
            leaks.append(Leak(str(api), library, found.f_code.co_filename, found.f_lineno))

    before = sys.getprofile()
    sys.setprofile(profile)
    try:
        yield leaks
    finally:
        sys.setprofile(before)
