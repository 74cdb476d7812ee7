"""Whose an object is: what sandboxed code may change, and what other instances would see.

Changing a module, class or function of the host's, of a library or of the shared tier is a violation. What is looked
at is the object, at the moment of the change, so aliases do not matter; `_rewrite` says where the question is asked.
"""

from __future__ import annotations

import collections
import decimal
import enum
import sys
import weakref
from types import FunctionType, MappingProxyType, MethodType, ModuleType
from typing import Any, NoReturn

from ._remedies import REMEDIES
from ._standins import StandIn
from ._state import MARK, SHARED, get_run, refuse

_shared_types: weakref.WeakSet[type] = weakref.WeakSet()
_OWNED = (type, ModuleType, enum.Enum)
_OWNED_EXACTLY = frozenset({FunctionType, MethodType, decimal.Context})
_CONTEXTS = ("DefaultContext", "BasicContext", "ExtendedContext")
_CONTAINERS = (
    list, dict, set, bytearray, collections.deque, collections.OrderedDict, collections.defaultdict,
    collections.Counter, collections.ChainMap, collections.UserDict, collections.UserList,
)  # fmt: skip


def share(module: ModuleType) -> None:
    """Remember the classes of a module that has just been executed for all runs."""
    _remember(vars(module), module.__name__)


def _remember(names: Any, home: str) -> None:
    for value in list(names.values()):
        if isinstance(value, type) and value.__module__ is home and value not in _shared_types:
            _shared_types.add(value)
            _remember(vars(value), home)


def is_shared_class(kind: type) -> bool:
    """A class of the shared tier."""
    return kind in _shared_types


def others(obj: Any) -> str | None:
    """What this object is called if other instances have the same one; None if changing it is the run's own affair."""
    if isinstance(obj, ModuleType):
        builtins = vars(obj).get("__builtins__", ())
        if MARK in builtins:
            return str(obj.__name__) if SHARED in builtins else None
        made = type(obj) is ModuleType and sys.modules.get(obj.__name__) is not obj  # `types.ModuleType("x")`
        return None if made else str(obj.__name__)
    if isinstance(obj, type):
        if obj in _shared_types:
            return f"{obj.__module__}.{obj.__qualname__}"
        home = sys.modules.get(obj.__module__)
        foreign = home is not None and MARK not in vars(home).get("__builtins__", ()) and _leads_to(home, obj)
        return f"{obj.__module__}.{obj.__qualname__}" if foreign else None
    if isinstance(obj, MethodType):
        obj = obj.__func__
    if isinstance(obj, FunctionType):
        builtins = obj.__globals__.get("__builtins__", ())
        own = MARK in builtins and (SHARED not in builtins or "<locals>" in obj.__qualname__)
        # Functions that libraries make for user code (wrappers) cannot be told from their own.
        made = "<locals>" in obj.__qualname__ or obj.__code__.co_filename.startswith("<")
        return None if own or made else f"{obj.__module__}.{obj.__qualname__}"
    if isinstance(obj, decimal.Context):  # the ones that others start from
        return next((f"decimal.{name}" for name in _CONTEXTS if obj is getattr(decimal, name)), None)
    if isinstance(obj, enum.Enum):
        kind = type(obj)
        return f"{kind.__module__}.{kind.__qualname__}.{obj._name_}" if others(kind) is not None else None
    return None


def remedy_for(obj: Any) -> str:
    """What to do instead of changing something that other instances have as well."""
    if isinstance(obj, MethodType):
        obj = obj.__func__
    if isinstance(obj, ModuleType | FunctionType):
        names = vars(obj) if isinstance(obj, ModuleType) else obj.__globals__
        users = SHARED in names.get("__builtins__", ())
    else:
        users = is_shared_class(obj if isinstance(obj, type) else type(obj))
    return REMEDIES["isolate" if users else "shared"]


def _leads_to(home: ModuleType, obj: type) -> bool:
    """Whether the class is the module's own: those that libraries make for user code bear a library's name, too."""
    found: Any = home
    for part in obj.__qualname__.split("."):
        found = getattr(found, part, None)
    return found is obj


def mutable(obj: Any, name: str, /) -> Any:
    """The owner of an attribute of this name, which sandboxed code assigns or deletes."""
    if (type(obj) not in _OWNED_EXACTLY and not isinstance(obj, _OWNED)) or isinstance(obj, StandIn):
        return obj
    shared = others(obj)
    if shared is None or get_run() is None:
        return obj
    return refuse(f"assignment to {shared}.{name}", remedy_for(obj), lambda: obj)


def changed(obj: Any, path: str, /) -> Any:
    """An object found through an import, on which a method that changes it is about to be called."""
    if not isinstance(obj, _CONTAINERS):
        return obj
    run = get_run()
    if run is None or _is_own(run, path):
        return obj
    return refuse(f"a change of {path}", REMEDIES["shared"], lambda: obj)


def _is_own(run: Any, path: str) -> bool:
    """Whether the innermost module of a path such as `a.b.LIST.append` is the run's own."""
    while path:
        found = run.modules.get(path)
        if found is not None:
            builtins = vars(found).get("__builtins__", ())
            return MARK in builtins and SHARED not in builtins
        path = path.rpartition(".")[0]
    return False


class SharedDict(dict[Any, Any]):
    """A dict of a shared class or function (`__annotations__`, `model_config`) as sandboxed code sees it."""

    __slots__ = ("_td_of",)

    def __init__(self, contents: Any, of: str) -> None:
        super().__init__(contents)
        self._td_of = of

    def __reduce_ex__(self, protocol: object) -> Any:
        return dict, (dict(self),)

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        refuse(f"a change of {self._td_of}", REMEDIES["isolate"])
        raise AssertionError("refuse raises where there is nothing to call")

    __setitem__ = __delitem__ = __ior__ = update = pop = popitem = clear = setdefault = _refuse


class SharedList(list[Any]):
    """Likewise a list (`_member_names_` of an enum, `__all__` of a module)."""

    __slots__ = ("_td_of",)

    def __init__(self, contents: Any, of: str) -> None:
        super().__init__(contents)
        self._td_of = of

    def __reduce_ex__(self, protocol: object) -> Any:
        return list, (list(self),)

    def _refuse(self, *args: Any, **kwargs: Any) -> NoReturn:
        refuse(f"a change of {self._td_of}", REMEDIES["isolate"])
        raise AssertionError("refuse raises where there is nothing to call")

    __setitem__ = __delitem__ = __iadd__ = __imul__ = append = extend = insert = pop = remove = clear = _refuse
    sort = reverse = _refuse


def list_of(obj: Any, name: str, value: list[Any]) -> Any:
    """A list that was read from a class: one that cannot be changed, if the class is shared."""
    if name == "_member_names_" and isinstance(obj, type) and is_shared_class(obj):
        return SharedList(value, f"{obj.__module__}.{obj.__qualname__}.{name}")
    return value


def dict_of(obj: Any, name: str, value: dict[str, Any]) -> Any:
    """A dict that was read from a class or function: one that cannot be changed, if the owner is shared."""
    if isinstance(obj, type | FunctionType) and others(obj) is not None:
        return SharedDict(value, f"{obj.__module__}.{obj.__qualname__}.{name}")
    return value


def proxy_of(obj: type) -> Any:
    """`vars()` of a shared class."""
    kept = {key: dict_of(obj, key, value) if type(value) is dict else value for key, value in vars(obj).items()}
    return MappingProxyType(kept)
