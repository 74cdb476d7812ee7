"""The import hook: which module sandboxed code gets, and how the user's own modules are made.

Nothing global is swapped: the `__builtins__` of sandboxed modules hold an `__import__` of their own, which ends
here. The standard library's import system is not asked for the user's modules, so its locks are not taken; code
objects are compiled once per `Sandbox` and executed once per run.

Tiers, in this order: replaced (a factory of `replace_module`, asked for each run or once) . passed (`passthrough=`) .
user's (`isolate=`) . stand-in (the policy has a rule) . passed (standard library, site-packages, anything without
Python source) . user's (what remains).
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import sys
import threading
import weakref
from collections.abc import Callable
from types import ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from ._builtins import BUILTINS, SHARED_BUILTINS
from ._decimal_context import isolate
from ._guards import clean, share
from ._names import ModuleName
from ._packages import SharedPackage, bind, held_by
from ._policy import said_of_new
from ._standins import rule_for, stand_in
from ._tiers import Tiers
from ._units import Unit, Units

if TYPE_CHECKING:
    from ._run import Run
    from ._sandbox import Sandbox

PER_RUN: Final[dict[str, Callable[[Run], None]]] = {"decimal": isolate, "_decimal": isolate}
"""Modules with state that each run gets a copy of, when it first imports them."""


class Importer(Units):
    """One per `Sandbox`: the hook, and the modules that all its runs share."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__(sandbox)
        self.shared: dict[str, Any] = {}
        self._from: dict[tuple[str, tuple[str, ...]], Any] = {}
        self.tiers = Tiers(self)
        self._once: dict[str, ModuleType] = {}  # modules without state, executed
        self._making: dict[str, ModuleType] = {}  # those that the holder of the lock is executing now
        self._once_lock = threading.RLock()  # taken when such a module is executed, never afterwards
        self._names: list[ModuleName] = []
        weakref.finalize(self, _forget, self._names).atexit = False

    # -- the hook

    def import_(self, run: Run, name: str, globals: dict[str, Any] | None, fromlist: Any, level: int) -> Any:
        """`__import__` of sandboxed code."""
        if level:
            package = (globals or {}).get("__package__") or ""
            if not package:
                raise ImportError("attempted relative import with no known parent package")
            name = importlib.util.resolve_name("." * level + name, package)
        elif type(name) is not str:
            name = str(name)  # C code (pickle) imports by `cls.__module__`, a `ModuleName`
        module = self.load(run, name)
        if not fromlist:
            return module if level or "." not in name else self.load(run, name.partition(".")[0])
        if name in run.modules or isinstance(module, Overlay):
            return self._own_from(run, name, module, fromlist)
        key = (name, tuple(fromlist))
        found = self._from.get(key)
        if found is None:
            found, for_all = self._passed_from(run, name, module, fromlist)
            if for_all:
                self._from[key] = found
        return found

    def _own_from(self, run: Run, name: str, module: Any, fromlist: Any) -> Any:
        names = vars(module)
        for item in fromlist:
            if item == "*":
                listed = names.get("__all__", ())
                if listed:
                    self._own_from(run, name, module, [entry for entry in listed if entry != "*"])
                continue
            if item in names or (name in self.factories and hasattr(module, item)):
                continue
            full = f"{name}.{item}"
            child = run.modules.get(full)
            if child is None and names.get("__path__") is not None and self.find(full) is not None:
                child = self.load(run, full)
            if child is not None:
                bind(module, item, child, executing=name in self._making)
            elif not hasattr(module, item) and isinstance(fromlist, tuple):  # a call of `__import__` may name anything
                # The interpreter would fall back to the host's `sys.modules` here.
                where = names.get("__file__", "unknown location")
                raise ImportError(f"cannot import name {item!r} from {name!r} ({where})", name=name)
        return module

    def _passed_from(self, run: Run, name: str, module: Any, fromlist: Any) -> tuple[Any, bool]:
        """The module, or a view of it with stand-ins; and whether other runs may have the same."""
        if "*" in fromlist:
            public = getattr(module, "__all__", None) or [key for key in vars(module) if not key.startswith("_")]
            view = ModuleType(name)
            view.__dict__["__all__"] = list(public)
            values = {item: getattr(module, item) for item in public}
            view.__dict__.update({item: clean(value) for item, value in values.items()})
            return view, not any(map(self._is_the_runs, values.values()))
        changed: dict[str, Any] = {}
        for_all = True
        for item in fromlist:
            full = f"{name}.{item}"
            try:
                value = getattr(module, item)
            except AttributeError:
                try:
                    changed[item] = self.load(run, full)
                except ModuleNotFoundError:
                    new = said_of_new(full)
                    raise ImportError(f"cannot import name {item!r} from {name!r}{new}", name=name) from None
                for_all = for_all and full not in run.modules
                continue
            for_all = for_all and not self._is_the_runs(value)
            seen = self.seen(run, value) if isinstance(value, ModuleType) else clean(value)
            if seen is not value:
                changed[item] = seen
        if not changed:
            return module, for_all
        view = ModuleType(name)
        view.__dict__.update({item: changed[item] if item in changed else getattr(module, item) for item in fromlist})
        return view, for_all

    def _is_the_runs(self, value: object) -> bool:
        """Whether each run sees an object of its own, or must be told, where a library offers this module."""
        if not isinstance(value, ModuleType):
            return False
        name = value.__name__
        return self.is_replaced(name) or self.is_per_run(name) or self.find(name) is not None

    # -- loading

    def load(self, run: Run, name: str) -> Any:
        """The module of this full name as this run sees it."""
        module = run.modules.get(name)
        if module is None:
            module = self.shared.get(name)
            if module is None:
                run.unsafe_depth += 1  # importing reads files; what it executes on the host side is the host's
                try:
                    unit = self.find(name)
                    if unit is None:
                        module = self._foreign(run, name)
                finally:
                    run.unsafe_depth -= 1
                if unit is not None:
                    module = self._execute(run, unit)
        return module

    def seen(self, run: Run, module: ModuleType) -> Any:
        """What sandboxed code gets where it comes across this real module."""
        return self.load(run, module.__name__) if sys.modules.get(module.__name__) is module else module

    def _foreign(self, run: Run, name: str) -> Any:
        factory = self.factories.get(name)
        parent, _, tail = name.rpartition(".")
        if factory is not None:
            for_all = name in self.same_for_all
            made = overlay(name, factory(run), for_all=for_all)
            if for_all:
                return self.shared.setdefault(name, made)
            run.modules[name] = made
            return made
        if parent and self.root_factory(name):
            try:
                return getattr(self.load(run, parent), tail)
            except AttributeError:
                raise ModuleNotFoundError(f"No module named {name!r} in an orchestration", name=name) from None
        real = importlib.import_module(name)
        if rule_for(name) is not None and not self.sandbox.passes(name):
            prepare = PER_RUN.get(name)
            if prepare is not None:
                module = run.modules[name] = stand_in(name)
                prepare(run)
                return module
            self.shared[name] = stand_in(name)
        else:
            self.shared[name] = real
        return self.shared[name]

    def is_per_run(self, name: str) -> bool:
        """Whether a run must be told that it imports this module, although it is not the user's."""
        return name in PER_RUN

    def _execute(self, run: Run, unit: Unit) -> ModuleType:
        parent, _, tail = unit.name.rpartition(".")
        above = self.load(run, parent) if parent else None
        done = run.modules.get(unit.name)  # the parent's own code may have imported it
        if done is not None:
            return done  # type: ignore[no-any-return]
        module = self._attach(run, unit) if self.tiers.shares(unit) else None
        if module is None:
            module = run.new_module(unit.name)
            names = _furnish(module, unit, BUILTINS)
            if unit.code is not None:
                run.loading += 1
                try:
                    exec(unit.code, names)
                except BaseException:
                    run.drop_module(unit.name)
                    raise
                finally:
                    run.loading -= 1
        if above is not None:
            bind(above, tail, module, executing=parent in self._making)
        return module

    def _attach(self, run: Run, unit: Unit) -> ModuleType | None:
        """Give a run the module that all share, and with it what importing it would have imported.

        None where the module, executed for the first time, turned out to hold something of this run.
        """
        module = self._once.get(unit.name)
        if module is None:
            with self._once_lock:  # nobody else sees a module that is still being executed
                module = self._once.get(unit.name) or self._making.get(unit.name)
                if module is None:
                    return self._execute_once(run, unit)
        run.modules[unit.name] = module
        for name in self.tiers.imports_of(unit):
            if name not in run.modules:
                try:
                    self.load(run, name)
                except Exception:
                    continue  # the module caught it when it was executed, or it would not be shared
        return module

    def _execute_once(self, run: Run, unit: Unit) -> ModuleType | None:
        own = ModuleName(unit.name)
        if unit.search is None:
            module = ModuleType(own)
        else:
            module = SharedPackage(own)
            module._td_once = self._once  # type: ignore[attr-defined]
        names = _furnish(module, unit, SHARED_BUILTINS)
        before = set(self._making)
        sys.modules[own] = module
        self._names.append(own)
        run.modules[unit.name] = self._making[unit.name] = module
        run.loading += 1
        try:
            if unit.code is not None:
                exec(unit.code, names)
        except BaseException:
            self._drop(run, set(self._making) - before)  # those that imported it hold on to it
            raise
        finally:
            run.loading -= 1
        held = held_by(module)
        if held is not None:
            self._drop(run, {unit.name})
            self.tiers.refute(unit, f"{held} is an instance's own")
            return None
        share(module)
        if not before:
            self._once.update(self._making)
            self._making.clear()
        return module

    def _drop(self, run: Run, names: set[str]) -> None:
        for name in names:
            own = self._making.pop(name).__dict__["__name__"]
            run.modules.pop(name, None)
            sys.modules.pop(own, None)
            self._names[:] = [kept for kept in self._names if kept is not own]

def _furnish(module: ModuleType, unit: Unit, builtins: dict[str, Any]) -> dict[str, Any]:
    names = module.__dict__
    names["__builtins__"] = builtins
    names["__package__"] = unit.package
    if unit.filename is not None:
        names["__file__"] = unit.filename
    if unit.search is not None:
        names["__path__"] = unit.search
    return names


def _forget(names: list[ModuleName]) -> None:
    """The `Sandbox` is gone, and its shared modules with it."""
    for name in names:
        sys.modules.pop(name, None)


class Overlay(ModuleType):
    """What a factory made, over the policy's stand-in: names it lacks are refused with a remedy."""

    def __getattr__(self, name: str) -> Any:
        names = self.__dict__
        try:
            return getattr(names["_td_facade"], name)
        except AttributeError:
            if name.startswith("__"):
                raise
        return getattr(stand_in(str(self.__name__)), name)


def overlay(name: str, facade: Any, *, for_all: bool) -> ModuleType:
    """A module object that looks names up in `facade` first."""
    made = Overlay(name)
    made.__dict__.update(_td_facade=facade, _td_for_all=for_all)
    if isinstance(facade, ModuleType | SimpleNamespace):  # plain names need no second look-up
        for key, value in vars(facade).items():
            if not key.startswith("__"):
                inner = isinstance(value, SimpleNamespace)  # `trio.lowlevel`: nobody may assign into that either
                made.__dict__[key] = overlay(f"{name}.{key}", value, for_all=for_all) if inner else value
    return made
