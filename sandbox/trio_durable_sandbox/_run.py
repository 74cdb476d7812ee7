"""One orchestration instance in memory: its clock and streams, its modules, its violations."""

from __future__ import annotations

import sys
from collections.abc import Callable
from contextvars import Token
from types import ModuleType
from typing import TYPE_CHECKING, Any

from ._errors import SandboxViolationError
from ._names import ModuleName
from ._state import current
from ._values import Values

if TYPE_CHECKING:
    from ._sandbox import Sandbox


class Turn:
    """The context manager that `Run.active()` returns: one per run, re-entrant, no allocation per turn."""

    __slots__ = ("_run", "_tokens")

    def __init__(self, run: Run) -> None:
        self._run = run
        self._tokens: list[Token[Run | None]] = []

    def __enter__(self) -> Run:
        run = self._run
        if run.closed:
            raise RuntimeError(f"the sandbox run of instance {run.instance_id!r} is closed")
        self._tokens.append(current.set(run))
        if run.on_enter is not None:
            run.on_enter()
        return run

    def __exit__(self, *exc: object) -> None:
        current.reset(self._tokens.pop())
        if self._run.on_exit is not None:
            self._run.on_exit()


class Run:
    """Made by `Sandbox.new_run`; close it when the instance leaves memory.

    Attributes:
        instance_id: the orchestration instance.
        replaying: set by the engine; while True, print and logging inside are silent.
        violations: every violation of this run, also those that the user's code swallowed.
    """

    __slots__ = (
        "__weakref__", "_turn", "closed", "instance_id", "loading", "mode", "modules", "names", "on_enter",
        "on_exit", "replaying", "sandbox", "unsafe_depth", "values", "violations",
    )  # fmt: skip

    def __init__(
        self, sandbox: Sandbox, mode: str, instance_id: str, seed: bytes | str, now_ns: Callable[[], int]
    ) -> None:
        self.sandbox = sandbox
        self.mode = mode
        self.instance_id = instance_id
        self.values = Values(seed, instance_id, now_ns)
        self.modules: dict[str, Any] = {}
        self.names: list[ModuleName] = []
        self.violations: list[SandboxViolationError] = []
        self.replaying = False
        self.loading = 0
        self.unsafe_depth = 0
        self.closed = False
        self.on_enter: Callable[[], None] | None = None
        self.on_exit: Callable[[], None] | None = None
        self._turn = Turn(self)

    @property
    def depth(self) -> int:
        """How many turns of this run are open: they nest."""
        return len(self._turn._tokens)

    def active(self) -> Turn:
        """A turn: `with run.active():`. Deterministic stand-ins answer for this run; re-entrant."""
        return self._turn

    def new_module(self, name: str) -> ModuleType:
        """An empty module of this run, registered where look-ups by `__module__` will find it."""
        own = ModuleName(name)
        module = ModuleType(own)
        sys.modules[own] = module
        self.names.append(own)
        self.modules[name] = module
        return module

    def drop_module(self, name: str) -> None:
        """Forget a module whose execution failed."""
        if self.modules.pop(name, None) is not None:
            for own in [own for own in self.names if own == name]:
                self.names.remove(own)
                sys.modules.pop(own, None)

    def close(self) -> None:
        """Forget the namespace. End the instance's coroutines first, inside `active()`. Idempotent."""
        if self.closed:
            return
        self.closed = True
        for own in self.names:
            sys.modules.pop(own, None)
        self.names.clear()
        self.modules.clear()
