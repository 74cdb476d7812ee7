"""The user's own modules, found and compiled: once per `Sandbox`, before anything of them is executed."""

from __future__ import annotations

import ast
import importlib
import importlib.machinery
import importlib.util
import linecache
import os
import pkgutil
import sys
import sysconfig
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from types import CodeType
from typing import TYPE_CHECKING, Any, Final

from ._classify import Facts, classify, is_name_list
from ._depth import room_for
from ._errors import SandboxLoadError
from ._rewrite import NAMES, imports_of, rewrite
from ._rewrite_order import call
from ._standins import rule_for

if TYPE_CHECKING:
    from ._sandbox import Sandbox

MAIN: Final = "__mp_main__"
"""The name under which a `__main__` script is loaded, as multiprocessing does."""

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


class Units:
    """Which modules are the user's, and what they are compiled to."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.units: dict[str, Unit] = {}
        self.factories: dict[str, Callable[[Any], Any]] = {}
        self.same_for_all: set[str] = set()  # those whose factory gives every run the same object
        self._main: str | None = None  # what the __main__ script is called inside

    def is_replaced(self, name: str) -> bool:
        """Whether each run gets an object of its own for this module."""
        known = name if name in self.factories else name.partition(".")[0]
        return known in self.factories and known not in self.same_for_all

    def root_factory(self, name: str) -> bool:
        return name.partition(".")[0] in self.factories

    def find(self, name: str) -> Unit | None:
        """The user's module of this name, compiled, or None where it is somebody else's."""
        unit = self.units.get(name)
        if unit is not None:
            return unit
        if name == "__main__" or (name == self._main and name == MAIN):
            return self.main_unit()
        sandbox = self.sandbox
        if name in self.factories or self.root_factory(name) or sandbox.passes(name):
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
            try:
                found = find_spec(name, path) if find_spec is not None else None
            except KeyError:  # the path of a namespace package asks for the parent, which the host need not have loaded
                found = _namespace(name, path or ())
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
        tree = ast.parse(source, filename)
        _, found = imports_of(tree)
        package = name if search is not None else name.rpartition(".")[0]
        with room_for(tree):
            facts = classify(tree, package)
            if facts.reason is None:
                for node in ast.walk(tree):
                    if isinstance(node, ast.Assign) and is_name_list(node):
                        of = f"{name}.{ast.unparse(node.targets[0])}"
                        node.value = call(node.value, NAMES, node.value, ast.Constant(of))
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


def _source(spec: importlib.machinery.ModuleSpec) -> str | None:
    """From the file where there is one: loaders of tools that rewrite code (pytest's) do not tell the source."""
    if spec.origin is not None and spec.origin.endswith(".py") and os.path.isfile(spec.origin):
        with open(spec.origin, "rb") as file:
            return importlib.util.decode_source(file.read())
    get_source = getattr(spec.loader, "get_source", None)
    return get_source(spec.name) if get_source is not None else None


def _namespace(name: str, path: Iterable[str]) -> importlib.machinery.ModuleSpec | None:
    """A package without `__init__.py`, of all folders of that name in the path."""
    places: list[str] = []
    for entry in path:
        finder = pkgutil.get_importer(entry)
        find_spec = getattr(finder, "find_spec", None)
        found = None if find_spec is None else find_spec(name)
        if found is not None and found.loader is None:
            places.extend(found.submodule_search_locations or ())
    if not places:
        return None
    made = importlib.machinery.ModuleSpec(name, None, is_package=True)
    made.submodule_search_locations = places
    return made


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
