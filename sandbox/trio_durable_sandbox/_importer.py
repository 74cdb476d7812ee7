"""The import hook: which module sandboxed code gets, and how the user's own modules are made.

Nothing global is swapped: the `__builtins__` of sandboxed modules hold an `__import__` of their own, which ends
here. The standard library's import system is not asked for the user's modules, so its locks are not taken; code
objects are compiled once per `Sandbox` and executed once per run.

Tiers, in this order: replaced (a factory of `replace_module`) . passed (`passthrough=`) . user's (`isolate=`) .
stand-in (the policy has a rule) . passed (standard library, site-packages, anything without Python source) .
user's (what remains).
"""

from __future__ import annotations

import importlib
import importlib.machinery
import importlib.util
import linecache
import os
import sys
import sysconfig
import threading
import weakref
from collections.abc import Callable
from dataclasses import dataclass
from types import CodeType, ModuleType, SimpleNamespace
from typing import TYPE_CHECKING, Any, Final

from ._builtins import BUILTINS, SHARED_BUILTINS
from ._classify import Facts, classify, is_name_list
from ._decimal_context import isolate
from ._errors import SandboxLoadError
from ._guards import clean, share
from ._names import ModuleName
from ._packages import SharedPackage, bind, held_by
from ._rewrite import imports_of, rewrite
from ._standins import rule_for, stand_in
from ._tiers import Tiers

if TYPE_CHECKING:
    from ._run import Run
    from ._sandbox import Sandbox

MAIN: Final = "__mp_main__"
"""The name under which a `__main__` script is loaded, as multiprocessing does."""

PER_RUN: Final[dict[str, Callable[[Run], None]]] = {"decimal": isolate, "_decimal": isolate}
"""Modules with state that each run gets a copy of, when it first imports them."""

_STDLIB = tuple({sysconfig.get_path("stdlib"), sysconfig.get_path("platstdlib")})


@dataclass(frozen=True, slots=True)
class Unit:
    """A module of the user's, compiled."""

    name: str
    filename: str | None
    code: CodeType | None
    search: list[str] | None
    doc: str | None
    facts: Facts | None = None

    @property
    def package(self) -> str:
        return self.name if self.search is not None else self.name.rpartition(".")[0]


class Importer:
    """One per `Sandbox`: classification, compiled units, and the modules that all its runs share."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.units: dict[str, Unit] = {}
        self.shared: dict[str, Any] = {}
        self.factories: dict[str, Callable[[Any], Any]] = {}
        self._from: dict[tuple[str, tuple[str, ...]], Any] = {}
        self._main: str | None = None  # what the __main__ script is called inside
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
        if name in run.modules:
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
            elif not hasattr(module, item):
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
                    raise ImportError(f"cannot import name {item!r} from {name!r}", name=name) from None
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
            made = run.modules[name] = overlay(name, factory(run))
            return made
        if parent and self._root_factory(name):
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

    def is_replaced(self, name: str) -> bool:
        """Whether each run gets an object of its own for this module."""
        return name in self.factories or self._root_factory(name)

    def is_per_run(self, name: str) -> bool:
        """Whether a run must be told that it imports this module, although it is not the user's."""
        return name in PER_RUN

    def _root_factory(self, name: str) -> bool:
        return name.partition(".")[0] in self.factories

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

    # -- classification and compilation

    def find(self, name: str) -> Unit | None:
        """The user's module of this name, compiled, or None where it is somebody else's."""
        unit = self.units.get(name)
        if unit is not None:
            return unit
        if name == "__main__" or (name == self._main and name == MAIN):
            return self.main_unit()
        sandbox = self.sandbox
        if name in self.factories or self._root_factory(name) or sandbox.passes(name):
            return None
        isolated = sandbox.isolates(name)
        if not isolated and (rule_for(name) is not None or name.partition(".")[0] in sys.builtin_module_names):
            return None
        spec = self._spec(name)
        if spec is None or (not isolated and not _is_users(spec)):
            return None
        return self._compile(name, spec)

    def _spec(self, name: str) -> importlib.machinery.ModuleSpec | None:
        loaded = getattr(sys.modules.get(name), "__spec__", None)
        if loaded is not None:
            return loaded  # type: ignore[no-any-return]
        parent = name.rpartition(".")[0]
        path = None
        if parent:
            above = self.find(parent)
            if above is not None:
                if above.search is None:
                    return None
                path = above.search
            else:
                module = sys.modules.get(parent)
                path = getattr(module, "__path__", None)
                if path is None:
                    return None
        else:
            filename = getattr(sys.modules.get(name), "__file__", None)
            if isinstance(filename, str) and filename.endswith(".py"):
                return importlib.util.spec_from_file_location(name, filename)
        for finder in sys.meta_path:
            find_spec = getattr(finder, "find_spec", None)
            found = find_spec(name, path) if find_spec is not None else None
            if found is not None:
                return found  # type: ignore[no-any-return]
        return None

    def _compile(self, name: str, spec: importlib.machinery.ModuleSpec) -> Unit:
        search = list(spec.submodule_search_locations) if spec.submodule_search_locations is not None else None
        if spec.loader is None or spec.origin in (None, "namespace"):
            unit = Unit(name, None, None, search, None, Facts(None))
        else:
            source = _source(spec)
            if source is None:
                raise SandboxLoadError(f"module {name!r} has no source ({spec.origin}) and the sandbox needs it")
            unit = self._unit(name, source, str(spec.origin), search)
        self.units[name] = unit
        parent = name.rpartition(".")[0]
        if parent:
            self.find(parent)  # executed with it, and bound by `import`: the tiers need to know it
        return unit

    def _unit(self, name: str, source: str, filename: str, search: list[str] | None) -> Unit:
        import ast

        tree = ast.parse(source, filename)
        _, found = imports_of(tree)
        package = name if search is not None else name.rpartition(".")[0]
        facts = classify(tree, package)
        if facts.reason is None:
            for node in ast.walk(tree):
                if isinstance(node, ast.Assign) and is_name_list(node):
                    node.value = ast.copy_location(ast.Tuple(node.value.elts, ast.Load()), node.value)  # type: ignore[attr-defined]
        code = compile(rewrite(tree, name, package), filename, "exec", dont_inherit=True)
        linecache.getlines(filename)  # so that tracebacks made in a turn need no I/O
        unit = self.units[name] = Unit(name, filename, code, search, None, facts)
        self._prepare(unit, found)
        return unit

    def _prepare(self, unit: Unit, found: list[tuple[str, tuple[str, ...], int]]) -> None:
        """Compile what this module imports, now, at registration: not within the first turn that needs it."""
        for module, names, level in found:
            try:
                full = importlib.util.resolve_name("." * level + module, unit.package) if level else module
                self.find(full)
                for item in names:
                    if item != "*" and self.units.get(full) is not None:
                        self.find(f"{full}.{item}")
            except (ImportError, SyntaxError, ValueError):
                continue  # it will be said where the import is executed, if it ever is

    def main_unit(self) -> Unit:
        """The `__main__` script under another name, so that its `if __name__ == "__main__"` block does not run."""
        main = sys.modules["__main__"]
        spec = getattr(main, "__spec__", None)
        filename = getattr(main, "__file__", None)
        if filename is None:
            raise SandboxLoadError(
                "orchestrators defined in an interactive session or with `python -c` have no file to be loaded "
                "from; put them into a module"
            )
        if spec is not None:  # python -m package.module
            name = spec.name.removesuffix(".__main__") + ".__main__" if spec.name.endswith(".__main__") else spec.name
            self._main = name
            unit = self.units.get(name) or self._compile(name, spec)
        else:
            self._main = MAIN
            with open(filename, "rb") as file:
                source = importlib.util.decode_source(file.read())
            unit = self._unit(MAIN, source, filename, None)
        self.units["__main__"] = unit
        return unit


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


def _source(spec: importlib.machinery.ModuleSpec) -> str | None:
    """From the file where there is one: loaders of tools that rewrite code (pytest's) do not tell the source."""
    if spec.origin is not None and spec.origin.endswith(".py") and os.path.isfile(spec.origin):
        with open(spec.origin, "rb") as file:
            return importlib.util.decode_source(file.read())
    get_source = getattr(spec.loader, "get_source", None)
    return get_source(spec.name) if get_source is not None else None


def _is_users(spec: importlib.machinery.ModuleSpec) -> bool:
    if spec.origin in ("built-in", "frozen"):
        return False
    if isinstance(spec.loader, importlib.machinery.ExtensionFileLoader):
        return False
    places = list(spec.submodule_search_locations or ())
    if spec.origin and spec.origin != "namespace":
        places = [spec.origin]
    for origin in places:
        folders = origin.replace("\\", "/").split("/")
        if "site-packages" in folders or "dist-packages" in folders or origin.startswith(_STDLIB):
            return False
    return bool(places)


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


def overlay(name: str, facade: Any) -> ModuleType:
    """A module object that looks names up in `facade` first."""
    made = Overlay(name)
    made.__dict__["_td_facade"] = facade
    if isinstance(facade, ModuleType | SimpleNamespace):  # plain names need no second look-up
        made.__dict__.update({key: value for key, value in vars(facade).items() if not key.startswith("__")})
    return made
