"""Packages without state: one module object for all runs, whose submodules each run has for itself."""

from __future__ import annotations

from types import ModuleType
from typing import Any

from ._state import MARK, SHARED, get_run


class SharedPackage(ModuleType):
    """Importing a submodule binds it in its package; here it is looked up among the modules of the active run.

    What `__init__.py` itself imports is bound as always: a package is shared only if all of that is shared as well.
    """

    __slots__ = ("_td_once",)

    def __getattr__(self, name: str) -> Any:
        full = f"{str.__str__(self.__name__)}.{name}"
        run = get_run()
        found = object.__getattribute__(self, "_td_once").get(full) if run is None else run.modules.get(full)
        if found is None:
            raise AttributeError(f"module {str(self.__name__)!r} has no attribute {name!r}")
        return found

    def __dir__(self) -> list[str]:
        run = get_run()
        modules = object.__getattribute__(self, "_td_once") if run is None else run.modules
        own = f"{str.__str__(self.__name__)}."
        children = {name.removeprefix(own) for name in modules if name.startswith(own)}
        return sorted({*vars(self), *(child for child in children if "." not in child)})


def bind(package: ModuleType, name: str, module: ModuleType, *, executing: bool) -> None:
    """What the import system does after it has loaded a submodule. `executing`: so far only part of the package is."""
    if not isinstance(package, SharedPackage) or (executing and is_shared(module)):
        vars(package)[name] = module


def is_shared(module: ModuleType) -> bool:
    """Whether this is a module that was executed for all runs."""
    return SHARED in vars(module).get("__builtins__", ())


def held_by(module: ModuleType) -> str | None:
    """What a module that was executed for all runs holds of the first one: the name under which it does."""
    for name, value in vars(module).items():
        if _of_one_run(value):
            return name
        if isinstance(value, type) and value.__module__ is module.__name__:
            for key, item in vars(value).items():
                if _of_one_run(item) or any(map(_of_one_run, getattr(item, "__defaults__", None) or ())):
                    return f"{name}.{key}"
        elif any(map(_of_one_run, getattr(value, "__defaults__", None) or ())):
            return name
    return None


def _of_one_run(value: object) -> bool:
    if not isinstance(value, ModuleType):
        return False
    names = vars(value)
    if "_td_facade" in names:
        return not names["_td_for_all"]
    builtins = names.get("__builtins__", ())
    return MARK in builtins and SHARED not in builtins
