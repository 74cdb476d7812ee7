"""Which of the user's modules are shared by all runs, and which are executed per run.

`_classify` says what the source of one module tells; here that is put together over the modules that import one
another. A module with state makes every module that holds something of it one with state. The import system binds
submodules into packages, and those may differ from run to run: so a package without state is executed once, and each
run gets a module of its own with the same contents. What holds on to a package as such (`import package`) has state.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from ._classify import Facts
from ._classify_names import Import
from ._errors import SandboxLoadError
from ._harmless import MODELS

if TYPE_CHECKING:
    from ._importer import Importer, Unit


class Tiers:
    """The decisions of one `Sandbox`. They are made again when a further module becomes known."""

    def __init__(self, importer: Importer) -> None:
        self._importer = importer
        self._reasons: dict[str, str | None] = {}
        self._known = 0
        self._imports: dict[str, tuple[str, ...]] = {}

    def shares(self, unit: Unit) -> bool:
        """Whether this module is executed once for all runs."""
        return self.reason(unit) is None

    def reason(self, unit: Unit) -> str | None:
        """Why this module is executed per run; None if it is not."""
        if self._known != len(self._importer.units) or unit.name not in self._reasons:
            self._settle()
        return self._reasons[unit.name]

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
        changed: dict[str, str] = {}
        for unit in units.values():
            for name in unit.facts.changes if unit.facts is not None else ():
                changed.setdefault(name, unit.name)
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

    def _own_reason(self, unit: Unit, changed: dict[str, str]) -> str | None:
        sandbox = self._importer.sandbox
        if sandbox.isolates(unit.name):
            return "isolate= lists it"
        if sandbox.shared(unit.name):
            return None if unit.code is not None else "it has no code"
        if unit.facts is None or unit.code is None or unit.name in ("__main__", "__mp_main__"):
            return "scripts, namespace packages and modules without source are executed per instance"
        if unit.facts.reason is not None:
            return unit.facts.reason
        for kind, reason in unit.facts.models:
            if not self._is_model(unit.name, kind):
                return reason
        for name, by in changed.items():
            if by != unit.name and (name + ".").startswith(unit.name + "."):
                return f"{by} assigns into {name}"
        return None

    def _is_model(self, module: str, name: str, depth: int = 0) -> bool:
        """Whether a class gives its objects copies of mutable defaults."""
        if f"{module}.{name}" in MODELS:
            return True
        unit = self._importer.units.get(module)
        if unit is None or unit.facts is None or depth > 20:
            return False
        if name in unit.facts.imported:
            home, _, own = unit.facts.imported[name].rpartition(".")
            return self._is_model(home, own, depth + 1)
        for base in unit.facts.derived.get(name, ()):
            home, _, own = base.rpartition(".")
            if self._is_model(home or module, own, depth + 1):
                return True
        return False

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
        return None

    def _import_reason(self, needed: Import, reasons: dict[str, str | None]) -> str | None:
        importer = self._importer
        unit = importer.units.get(needed.module)
        if unit is None:
            if importer.is_replaced(needed.module):
                return f"each run gets a {needed.module} of its own"
            for item in needed.names:
                if item.startswith("?"):
                    return f"the base class {needed.module}.{item[1:]}, which is not known"
            return None
        if unit.search is None or importer.sandbox.shared(unit.name):
            reason = reasons.get(unit.name)
            return None if reason is None else f"{unit.name} has state ({reason})"
        if not needed.names:
            return f"each instance has the package {unit.name} in a module of its own"
        for item in needed.names:
            reason = self._item_reason(unit, item.removeprefix("?"), reasons)
            if reason is not None:
                return reason
        return None

    def _item_reason(self, package: Unit, item: str, reasons: dict[str, str | None]) -> str | None:
        full = f"{package.name}.{item}"
        child = self._importer.units.get(full)
        if child is None or (package.facts is not None and item in package.facts.binds):
            reason = reasons.get(package.name)
            if reason is None and package.facts is not None and item in package.facts.binds:
                return None
            return f"{item} comes from the package {package.name}, which has state ({reason or 'it makes the name'})"
        if child.search is not None:
            return f"each instance has the package {full} in a module of its own"
        return None if reasons.get(full) is None else f"{full} has state ({reasons[full]})"


_NOTHING = Facts(None, (), frozenset(), frozenset(), {}, {}, ())


def _executed(unit: Unit) -> tuple[Import, ...]:
    return (unit.facts or _NOTHING).imports
