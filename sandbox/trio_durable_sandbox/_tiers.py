"""Which of the user's modules are shared by all runs, and which are executed per run.

`_classify` says what the source of one module tells; here that is put together over the modules that import one
another. A module with state makes every module that holds something of it one with state. Packages are treated as
other modules are; the submodules that an instance imports are bound for it alone (`_packages`).
"""

from __future__ import annotations

import sys
from types import ModuleType
from typing import TYPE_CHECKING

from ._classify import Facts
from ._classify_names import Import
from ._errors import SandboxLoadError
from ._harmless import BASES, COPYING_BASES, ENUMS

if TYPE_CHECKING:
    from ._importer import Importer
    from ._units import Unit


class Tiers:
    """The decisions of one `Sandbox`. They are made again when a further module becomes known."""

    def __init__(self, importer: Importer) -> None:
        self._importer = importer
        self._reasons: dict[str, str | None] = {}
        self._known = 0
        self._imports: dict[str, tuple[str, ...]] = {}
        self._found: dict[str, str] = {}  # what turned out when modules were executed

    def shares(self, unit: Unit) -> bool:
        """Whether this module is executed once for all runs."""
        return self.reason(unit) is None

    def reason(self, unit: Unit) -> str | None:
        """Why this module is executed per run; None if it is not."""
        if self._known != len(self._importer.units) or unit.name not in self._reasons:
            self._settle()
        return self._reasons[unit.name]

    def refute(self, unit: Unit, reason: str) -> None:
        """When it was executed, this module turned out to hold something of one run."""
        self._found[unit.name] = reason
        self._known = -1

    def imports_of(self, unit: Unit) -> tuple[str, ...]:
        """The modules that a shared module imports and that each run must import as well."""
        found = self._imports.get(unit.name)
        if found is None:
            names: dict[str, None] = {}
            for needed in _executed(unit):
                names[needed.module] = None
                for item in needed.names:
                    if self._is_users(f"{needed.module}.{item}"):
                        names[f"{needed.module}.{item}"] = None
            found = self._imports[unit.name] = tuple(
                name for name in names if self._is_users(name) or self._importer.is_per_run(name)
            )
        return found

    def _is_users(self, name: str) -> bool:
        try:
            return self._importer.find(name) is not None
        except (ImportError, SyntaxError, ValueError):
            return False  # said where the import is executed, if it ever is

    def _settle(self) -> None:
        importer = self._importer
        for unit in list(importer.units.values()):  # may find more
            for needed in _executed(unit):
                self._is_users(needed.module)
        units = dict(importer.units)
        changed: dict[str, tuple[str, str]] = {}  # module -> what is assigned into, and by which module
        for unit in units.values():
            for name in unit.facts.changes if unit.facts is not None else ():
                home = _longest(name, units)
                if home is not None and home != unit.name:
                    changed.setdefault(home, (name, unit.name))
        reasons = {name: self._own_reason(unit, changed) for name, unit in units.items()}
        again = True
        while again:
            again = False
            for name, unit in units.items():
                if reasons[name] is None:
                    reasons[name] = self._imported_reason(unit, reasons)
                    again = again or reasons[name] is not None
        self._reasons = reasons
        self._known = len(units)

    # -- one module

    def _own_reason(self, unit: Unit, changed: dict[str, tuple[str, str]]) -> str | None:
        sandbox = self._importer.sandbox
        if sandbox.isolates(unit.name):
            return "isolate= lists it"
        if unit.name in self._found:
            return self._found[unit.name]
        if sandbox.shared(unit.name):
            return None if unit.code is not None else "it has no code"
        if unit.facts is None or unit.name in ("__main__", "__mp_main__"):
            return "scripts and modules without source are executed per instance"
        if unit.facts.reason is not None:
            return unit.facts.reason
        if unit.name in changed:
            name, by = changed[unit.name]
            return f"{by} assigns into {name}"
        if unit.search is not None:
            return self._package_reason(unit, unit.facts)
        return None

    def _package_reason(self, unit: Unit, facts: Facts) -> str | None:
        """What is bound in a package that has state, or that its own import of a submodule would bind again."""
        if "__getattr__" in facts.binds:
            return "its __getattr__ would be asked for the modules of an instance"
        for name in facts.binds:
            child = f"{unit.name}.{name}"
            if child in self._importer.units and not any(
                needed.module == child or (needed.module == unit.name and name in needed.names)
                for needed in facts.imports
            ):
                return f"{name} is the name of one of its modules, and of something else in it"
        return None

    def _imported_reason(self, unit: Unit, reasons: dict[str, str | None]) -> str | None:
        forced = self._importer.sandbox.shared(unit.name)
        for needed in _executed(unit):
            reason = self._import_reason(needed, reasons)
            if reason is not None and not forced:
                return f"line {needed.line}: {reason}"
            if reason is not None and self._importer.units.get(needed.module) is not None:
                raise SandboxLoadError(
                    f"shared= lists {unit.name}, but in line {needed.line} it imports {needed.module}, which is "
                    f"executed per instance ({reason}); list that too, or import it inside the functions that use it"
                )
        if forced or unit.facts is None:
            return None
        for dotted, line in unit.facts.reads:
            reason = self._read_reason(dotted, reasons)
            if reason is not None:
                return f"line {line}: {reason}"
        for kind, where in unit.facts.assigns.items():
            if self._descends(f"{unit.name}.{kind}", ENUMS):
                return where
        return None

    # -- what it imports

    def _import_reason(self, needed: Import, reasons: dict[str, str | None]) -> str | None:
        importer = self._importer
        if not needed.names:  # binds the first part, through which the others are reached
            parts = needed.module.split(".")
            for size in range(1, len(parts) + 1):
                reason = self._state_of(".".join(parts[:size]), reasons)
                if reason is not None:
                    return reason
            return None
        if needed.module not in importer.units:
            if importer.is_replaced(needed.module):
                return f"each run gets its own {needed.module}"
            for item in needed.names:
                if item == "*":
                    return f"`import *` from {needed.module}, which binds names that are not known"
                if item[0] in "?!":
                    return f"the base class {needed.module}.{item[1:]}, which is not known"
                reason = self._library_reason(f"{needed.module}.{item}")
                if reason is not None:
                    return reason
            return None
        for item in needed.names:
            reason = self._item_reason(needed.module, item, reasons)
            if reason is not None:
                return reason
        return None

    def _item_reason(self, module: str, item: str, reasons: dict[str, str | None]) -> str | None:
        """One name of `from module import item`, where the module is the user's."""
        importer = self._importer
        name = item.lstrip("?!")
        child = f"{module}.{name}"
        facts = importer.units[module].facts
        if child in importer.units and (facts is None or name not in facts.binds):
            return self._state_of(child, reasons)
        reason = self._state_of(module, reasons)
        if reason is None and item.startswith("?") and not self._is_known_class(child):
            return f"the base class {child}, which is not known"
        if reason is None and item.startswith("!") and not self._descends(child, COPYING_BASES):
            return f"a list, dict or set, which can be changed: {child} is not known to copy it"
        return reason

    def _state_of(self, name: str, reasons: dict[str, str | None]) -> str | None:
        if self._importer.is_replaced(name):
            return f"each run gets its own {name}"
        reason = reasons.get(name)
        return None if reason is None else f"{name} has state ({reason})"

    def _read_reason(self, dotted: str, reasons: dict[str, str | None]) -> str | None:
        """Something that is read through an import while the module is executed."""
        parts = dotted.split(".")
        for size in range(1, len(parts) + 1):
            reason = self._state_of(".".join(parts[:size]), reasons)
            if reason is not None:
                return reason
        return None if parts[0] in self._importer.units else self._library_reason(dotted)

    def _library_reason(self, dotted: str) -> str | None:
        """Libraries offer the modules that they import: `library.asyncio` is the run's own inside."""
        home = _longest(dotted, sys.modules)
        found = sys.modules.get(home or "")
        for part in dotted.split(".")[(home or "").count(".") + 1 :]:
            found = vars(found).get(part) if isinstance(found, ModuleType) else None
            name = found.__name__ if isinstance(found, ModuleType) else ""
            if self._importer.is_replaced(name) or self._importer.is_per_run(name) or name in self._importer.units:
                return f"each run gets its own {name}"
        return None

    # -- classes, through the modules that define or re-export them

    def _is_known_class(self, dotted: str) -> bool:
        return dotted in BASES or self._bases_of(dotted) is not None

    def _bases_of(self, dotted: str, depth: int = 0) -> tuple[str, tuple[str, ...]] | None:
        """(module, bases) of a class of the user's."""
        home = _longest(dotted, self._importer.units)
        facts = None if home is None else self._importer.units[home].facts
        if home is None or facts is None or depth > 20:
            return None
        name = dotted[len(home) + 1 :]
        if name in facts.bases:
            return home, facts.bases[name]
        source = facts.sources.get(name.partition(".")[0])
        if source is not None:
            _, dot, rest = name.partition(".")
            return (home, (source,)) if source + dot + rest in BASES else self._bases_of(source + dot + rest, depth + 1)
        return None

    def _descends(self, dotted: str, wanted: frozenset[str], depth: int = 0) -> bool:
        """Whether a class of the user's has one of these among its ancestors."""
        if dotted in wanted:
            return True
        found = None if depth > 20 else self._bases_of(dotted)
        if found is None:
            return False
        home, bases = found
        return any(
            self._descends(f"{home}.{base[4:]}" if base.startswith("own.") else base, wanted, depth + 1)
            for base in bases
        )


def _longest(dotted: str, names: object) -> str | None:
    """The longest beginning of a dotted name that is one of `names`."""
    while dotted and dotted not in names:  # type: ignore[operator]
        dotted = dotted.rpartition(".")[0]
    return dotted or None


_NOTHING = Facts(None)


def _executed(unit: Unit) -> tuple[Import, ...]:
    return (unit.facts or _NOTHING).imports
