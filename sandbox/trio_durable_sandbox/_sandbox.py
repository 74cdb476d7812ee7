"""`Sandbox`, `Program` and `unsafe`: the public face."""

from __future__ import annotations

import inspect
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from types import ModuleType
from typing import Any, Literal

from . import _pickling, _replace_modules  # noqa: F401  (fill the table of replacements)
from ._audit import install
from ._errors import SandboxLoadError
from ._importer import Importer
from ._policy import PASSED, RULES
from ._run import Run
from ._standins import stand_in
from ._state import Refused, get_run

Mode = Literal["strict", "best_effort", "off"]
_MODES = ("strict", "best_effort", "off")


class Program:
    """An orchestrator function, found and compiled: what `Sandbox.load` returns."""

    def __init__(self, sandbox: Sandbox, function: Callable[..., Any], module: str, mode: Mode) -> None:
        self.sandbox = sandbox
        self.function = function
        self.module = module
        self.qualname = function.__qualname__
        self.mode = mode

    def __repr__(self) -> str:
        return f"<Program {self.module}.{self.qualname} ({self.mode})>"

    def instantiate(self, run: Run) -> Callable[..., Any]:
        """Execute the program's module in the run's own namespace; returns the function of that namespace.

        The run's clock must already be the instance's start time: code at module level may read it.
        Raises whatever the module's own code raises.
        """
        if self.mode == "off":
            run.mode = "off"
            return self.function
        run.mode = self.mode
        with run.active():
            found: Any = run.sandbox.importer.load(run, self.module)
            for part in self.qualname.split("."):
                found = getattr(found, part)
        if isinstance(found, Refused):
            raise SandboxLoadError(
                f"orchestrator {self.module}.{self.qualname} is {found!r}: it is made by something that is not "
                "deterministic, such as a decorator; decorate activities with it instead"
            )
        return found  # type: ignore[no-any-return]


class Sandbox:
    """A determinism guard for orchestration code; it is not a security boundary.

    Args:
        mode: `strict` raises `SandboxViolationError`; `best_effort` gives the same deterministic values but only
            warns where `strict` raises, and makes the call; `off` runs functions as they are.
        passthrough: modules (and their submodules) that are neither isolated nor guarded.
        isolate: modules that are executed per instance: installed packages, or modules of the user's that would be
            shared.
        shared: modules of the user's that are executed once and shared by all instances although `tiers` finds state
            in them. That they hold none is the caller's promise.
        audit: install the process-wide audit hook that sees I/O below code that is passed through. It cannot be
            removed; outside of turns it costs about 0.1 us per audited event.
    """

    def __init__(
        self,
        mode: Mode = "strict",
        passthrough: Iterable[str] = (),
        isolate: Iterable[str] = (),
        *,
        shared: Iterable[str] = (),
        audit: bool = True,
    ) -> None:
        if mode not in _MODES:
            raise ValueError(f"mode must be one of {', '.join(_MODES)}; got {mode!r}")
        if isinstance(passthrough, str) or isinstance(isolate, str) or isinstance(shared, str):
            raise TypeError("passthrough, isolate and shared take a list of module names, not one string")
        self.mode: Mode = mode
        self._passed = frozenset(passthrough) | PASSED
        self._isolated = frozenset(isolate)
        self._shared = frozenset(shared)
        self.importer = Importer(self)
        if mode != "off":
            if audit:
                install()
            for rule in RULES:
                # Stand-ins of what the process has loaded, so that aliases of its functions are known.
                if rule.module in sys.modules and rule.module not in self._passed:
                    stand_in(rule.module)

    def passes(self, name: str) -> bool:
        return _listed(name, self._passed)

    def isolates(self, name: str) -> bool:
        return _listed(name, self._isolated)

    def shared(self, name: str) -> bool:
        return _listed(name, self._shared)

    def tiers(self) -> dict[str, str]:
        """The user's modules that are loaded so far: "shared", or why each is executed per instance."""
        units = self.importer.units
        return {name: self.importer.tiers.reason(units[name]) or "shared" for name in sorted(units)}

    def seen(self, run: Run, module: ModuleType) -> Any:
        return self.importer.seen(run, module)

    def replace_module(self, name: str, factory: Callable[[Run], Any], *, shared: bool = False) -> None:
        """Sandboxed code that imports `name` gets what `factory(run)` returns: called once per run, at first import.

        shared: the factory gives every run the same object, which asks what it needs to know of the active run. It is
            then called once for all of them, and modules that import `name` can be shared like others.

        Names the object lacks are those of the policy's stand-in, which refuses. Call before the first `load`.
        """
        self.importer.factories[name] = factory
        if shared:
            self.importer.same_for_all.add(name)
        else:
            self.importer.same_for_all.discard(name)

    def load(self, function: Any, *, mode: Mode | None = None) -> Program:
        """Find and compile the module of an orchestrator function; executes nothing. Call outside of turns.

        Raises:
            SandboxLoadError: for lambdas, nested functions, and functions without source.
        """
        mode = self.mode if mode is None else mode
        if mode not in _MODES:
            raise ValueError(f"mode must be one of {', '.join(_MODES)}; got {mode!r}")
        name = getattr(function, "__module__", None)
        qualname = getattr(function, "__qualname__", None)
        if not callable(function) or not isinstance(name, str) or not isinstance(qualname, str):
            raise SandboxLoadError(f"an orchestrator must be a function defined in a module; got {function!r}")
        if mode == "off" or get_run() is not None:
            # Within a run: a file that registers its orchestrators at module level is being executed inside.
            return Program(self, function, name, "off")
        what = f"orchestrator {name}.{qualname}"
        if "<lambda>" in qualname:
            raise SandboxLoadError(f"{what} is a lambda; define it with `async def` or `def` at module level")
        if "<locals>" in qualname:
            raise SandboxLoadError(
                f"{what} is defined inside another function, so each instance could not get a copy of its own; "
                "move it to module level"
            )
        unit = self.importer.find(name)
        if unit is None:
            reason = "is passed through by the policy or by passthrough=" if self.passes(name) else "is not user code"
            raise SandboxLoadError(
                f"{what}: module {name!r} {reason}, so it has no namespace per instance; "
                f'use Sandbox(isolate=["{name.partition(".")[0]}"]) or mode="off"'
            )
        if unit.code is None:
            raise SandboxLoadError(f"{what}: module {name!r} has no source file")
        self._check(function, what, name, qualname)
        return Program(self, function, unit.name, mode)

    def _check(self, function: Callable[..., Any], what: str, name: str, qualname: str) -> None:
        found: Any = sys.modules.get(name)
        for part in qualname.split("."):
            found = getattr(found, part, None)
        if found is None or found is function:
            return  # None: a decorator registers it before the module's name is bound
        if inspect.unwrap(found) is inspect.unwrap(function):
            return
        if getattr(found, "__func__", None) is getattr(function, "__func__", function):
            return
        raise SandboxLoadError(
            f"{what} is not what {name}.{qualname} names: {found!r}. Instances are made from the module, by name; "
            "give the function a name of its own at module level"
        )

    def new_run(
        self, instance_id: str, seed: bytes | str, now_ns: Callable[[], int], *, mode: Mode | None = None
    ) -> Run:
        """A run of one instance. `now_ns` gives the orchestration's clock: integer nanoseconds since 1970, UTC."""
        return Run(self, self.mode if mode is None else mode, instance_id, seed, now_ns)

    @staticmethod
    def unsafe() -> Any:
        """`with sandbox.unsafe():` see the function of that name."""
        return unsafe()


def _listed(name: str, modules: frozenset[str]) -> bool:
    while name:
        if name in modules:
            return True
        name = name.rpartition(".")[0]
    return False


@contextmanager
def unsafe() -> Iterator[None]:
    """A visible way out: within the block the real functions are called. Do not await inside.

    What is done here must not change what the orchestration decides: a replay may do it again, with other results.
    Outside of a turn it does nothing.
    """
    run = get_run()
    if run is None:
        yield
        return
    run.unsafe_depth += 1
    try:
        yield
    finally:
        run.unsafe_depth -= 1


def in_orchestration() -> bool:
    """True within a turn (or while a module is being executed for one)."""
    return get_run() is not None
