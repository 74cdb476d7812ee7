"""Stand-in modules: what sandboxed code gets when it imports a module that the policy has a rule for.

Made once per process from the real module and its rule, at the first import from inside; shared by all runs,
because every function in them asks which run is active. Classes that are refused stay subclasses of the real
ones, so that a file which subclasses `threading.Thread` for its activities can be executed; only making an
instance raises.
"""

from __future__ import annotations

import copy
import enum
import functools
import importlib
import sys
import threading
from collections.abc import Callable
from types import BuiltinFunctionType, FunctionType, MethodType, ModuleType
from typing import Any

from ._policy import ALIASES, RULES, Rule, said_of_new, words
from ._remedies import REMEDIES
from ._state import Refused, active_run, refuse

_RULES = {rule.module: rule for rule in RULES}
_FUNCTIONS = (FunctionType, BuiltinFunctionType, MethodType, functools.partial)
_CONSTANTS = (int, float, complex, str, bytes, tuple, frozenset, bool, type(None), range)

REPLACEMENTS: dict[str, Callable[[ModuleType], dict[str, Any]]] = {}
"""Module -> what makes its `replaced` names. Filled by the `_replace_*` modules."""

BY_VALUE: dict[Any, tuple[str, Any]] = {}
"""Real function or class -> (module, stand-in), for the guard: aliases kept on modules that are passed through."""

_made: dict[str, StandIn] = {}
_unfinished: dict[str, StandIn] = {}  # modules refer to each other
_making = threading.RLock()  # taken when a stand-in is made, never when one is used


class StandIn(ModuleType):
    """A module as orchestrations see it. Its dictionary is complete; it cannot be changed from inside."""

    def __setattr__(self, name: str, value: Any) -> None:
        refuse(f"assignment to {_known(self)}.{name}", REMEDIES["shared"], setattr, _real(self), name, value)

    def __delattr__(self, name: str) -> None:
        refuse(f"deletion of {_known(self)}.{name}", REMEDIES["shared"], delattr, _real(self), name)

    def __getattr__(self, name: str) -> Any:
        # Lazy names of the real module (PEP 562), and submodules that were imported later.
        rule = rule_for(self.__name__)
        assert rule is not None
        if name.startswith("__"):
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}")
        try:
            value = getattr(_real(self), name)
        except AttributeError:
            new = said_of_new(f"{self.__name__}.{name}")
            raise AttributeError(f"module {self.__name__!r} has no attribute {name!r}{new}") from None
        made = stand_in_for(rule, self.__name__, name, value)
        self.__dict__[name] = made
        return made


def _known(module: ModuleType) -> str:
    """What users call it."""
    return ALIASES.get(module.__name__, module.__name__)


def _real(module: ModuleType) -> ModuleType:
    return sys.modules[module.__name__]


def rule_for(module: str) -> Rule | None:
    """The rule that governs a module: its own, or the nearest parent's."""
    while module:
        rule = _RULES.get(module)
        if rule is not None:
            return rule
        module = module.rpartition(".")[0]
    return None


def stand_in(name: str) -> StandIn:
    """The stand-in of a module that has a rule. Imports the real one if need be."""
    made = _made.get(name)
    if made is not None:
        return made
    real = importlib.import_module(name)
    with _making:
        made = _made.get(real.__name__) or _unfinished.get(real.__name__)
        if made is None:
            made = _unfinished[real.__name__] = StandIn(real.__name__, real.__doc__)
            try:
                _fill_stand_in(made, real)
                _made[real.__name__] = made
            finally:
                del _unfinished[real.__name__]
    return made


def _fill_stand_in(made: StandIn, real: ModuleType) -> None:
    rule = rule_for(real.__name__)
    assert rule is not None, real
    contents = made.__dict__
    if rule.module == real.__name__ and rule.module in REPLACEMENTS:
        replaced = REPLACEMENTS[rule.module](real)
    else:
        replaced = {}
    for key, value in list(vars(real).items()):
        if key.startswith("__") and key not in ("__all__", "__doc__", "__name__", "__path__", "__version__"):
            continue
        if key not in replaced:
            contents[key] = stand_in_for(rule, real.__name__, key, value)
    for key, value in replaced.items():
        real_value = vars(real).get(key)
        if real_value is not None:  # names this Python does not have are not invented
            contents[key] = value
            _remember(real_value, real.__name__, value, replaced=True)


def stand_in_for(rule: Rule, module: str, name: str, value: Any) -> Any:
    """What sandboxed code gets in place of `module.name`."""
    if isinstance(value, ModuleType) and sys.modules.get(value.__name__) is value:
        return value if rule_for(value.__name__) is None else stand_in(value.__name__)
    if not _is_named(rule, module, name) and (_passes(rule, name) or _harmless(value) or _is_foreign(value, rule)):
        return value
    remedy = REMEDIES[rule.remedies.get(name, rule.remedy)]
    made = refused(f"{ALIASES.get(module, module)}.{name}", remedy, value)
    if made is not value:
        _remember(value, module, made)
    return made


def _remember(real: Any, module: str, made: Any, *, replaced: bool = False) -> None:
    if isinstance(real, type | FunctionType | BuiltinFunctionType | MethodType) and real is not made:
        if replaced:  # a deterministic implementation wins over a refusal under another module's alias
            BY_VALUE[real] = (module, made)
        else:
            BY_VALUE.setdefault(real, (module, made))


def _is_named(rule: Rule, module: str, name: str) -> bool:
    """Whether the rule refuses this very name."""
    return rule.module == module and (name in rule.remedies or (rule.refuse != "*" and name in words(rule.refuse)))


def _passes(rule: Rule, name: str) -> bool:
    return rule.refuse != "*" or name in words(rule.passes) or name.startswith("__")


def _is_foreign(value: Any, rule: Rule) -> bool:
    """What a governed module imported for its own use, a deque or a dataclass decorator, is not its own: where its home
    lets it through, it stays usable.
    """
    home = getattr(value, "__module__", None)
    if not isinstance(value, type | FunctionType | BuiltinFunctionType) or not isinstance(home, str):
        return False
    # `_ssl` and the like are the C half of a module that has a rule; so is what importlib is frozen as.
    if home.startswith("_frozen_importlib"):
        return False
    theirs = rule_for(home) or rule_for(home.lstrip("_"))
    if theirs is None:
        return True
    name = value.__name__
    return (
        theirs is not rule
        and name not in words(theirs.replaced)
        and _passes(theirs, name)
        and not _is_named(theirs, theirs.module, name)
    )


def _harmless(value: Any) -> bool:
    if isinstance(value, type):
        return (
            issubclass(value, BaseException | enum.Enum | tuple)
            or value.__module__ in ("typing", "builtins", "typing_extensions", "abc", "types")
            or getattr(value, "_is_protocol", False)
        )
    return isinstance(value, _CONSTANTS) or type(value).__module__ in ("typing", "types", "re", "__future__")


def refused(api: str, remedy: str, real: Any) -> Any:
    """A function, class or object that raises when sandboxed code uses it."""
    if isinstance(real, type):
        return _refused_class(api, remedy, real)
    if isinstance(real, _FUNCTIONS) or callable(real):
        return _refused_function(api, remedy, real)
    return RefusedObject(api, remedy, real)


def _refused_function(api: str, remedy: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        return refuse(api, remedy, real, *args, **kwargs)

    for attribute in ("__name__", "__qualname__", "__doc__", "__module__"):
        try:
            setattr(call, attribute, getattr(real, attribute))
        except (AttributeError, TypeError):
            continue
    for attribute, value in getattr(real, "__dict__", {}).items():
        if isinstance(value, _FUNCTIONS) and not attribute.startswith("__"):  # `patch.object`
            setattr(call, attribute, refused(f"{api}.{attribute}", remedy, value))
    return call


def _refused_class(api: str, remedy: str, real: type) -> Any:
    def new(cls: type, *args: Any, **kwargs: Any) -> Any:
        base = real if cls is made else cls
        return refuse(api, remedy, _construct, base, real, args, kwargs)

    body: dict[str, Any] = {"__new__": new, "__module__": real.__module__, "__qualname__": real.__qualname__}
    if hasattr(real, "__slots__"):
        body["__slots__"] = ()
    for owner in reversed(real.__mro__[:-1]):
        for key, value in vars(owner).items():
            if isinstance(value, classmethod | staticmethod) and not key.startswith("__"):
                body[key] = staticmethod(_refused_function(f"{api}.{key}", remedy, getattr(real, key)))
    try:
        made: Any = type(real)(real.__name__, (real,), body)
    except Exception:  # final classes; metaclasses and __init_subclass__ with wishes of their own (ctypes, enums)
        return _refused_final(api, remedy, real)
    return made


def _refused_final(api: str, remedy: str, real: type) -> Any:
    """A class that answers `isinstance`, `X | None` and `X.constant` as the real one, and is refused when called."""
    meta = type(
        "type",
        (type,),
        {
            "__call__": lambda cls, *args, **kwargs: refuse(api, remedy, real, *args, **kwargs),
            "__instancecheck__": lambda cls, instance: isinstance(instance, real),
            "__subclasscheck__": lambda cls, other: other is cls or issubclass(other, real),
            "__getattr__": lambda cls, name: getattr(real, name),
        },
    )
    return meta(real.__name__, (), {"__module__": real.__module__, "__qualname__": real.__qualname__})


def _construct(cls: type, real: type, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Any:
    if cls is real:
        return real(*args, **kwargs)
    make: Any = real.__new__
    return make(cls) if make is object.__new__ else make(cls, *args, **kwargs)


class RefusedObject:
    """An object such as `os.environ` or `sys.argv`: whatever is done with it is a violation named after it."""

    __slots__ = ("_td_api", "_td_real", "_td_remedy")

    def __init__(self, api: str, remedy: str, real: Any) -> None:
        object.__setattr__(self, "_td_api", api)
        object.__setattr__(self, "_td_remedy", remedy)
        object.__setattr__(self, "_td_real", real)

    def __repr__(self) -> str:
        return f"<not available in an orchestration: {object.__getattribute__(self, '_td_api')}>"

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__") and name.endswith("__"):
            raise AttributeError(name)
        return touch(self, getattr, name)


def touch(self: RefusedObject, operation: Callable[..., Any], *args: Any) -> Any:
    read = object.__getattribute__
    api: str = read(self, "_td_api")
    real = read(self, "_td_real")
    result = refuse(api, read(self, "_td_remedy"), operation, real, *args)
    if isinstance(result, Refused) and operation in _CONCRETE:
        return _CONCRETE[operation](result)
    return result


_CONCRETE: dict[Any, Callable[[Any], Any]] = {
    operation: operation for operation in (bool, iter, next, len, str, int, float)
}


def contains(container: Any, item: Any) -> bool:
    return item in container


_CONCRETE[contains] = bool


def _operator(operation: Callable[..., Any]) -> Callable[..., Any]:
    def method(self: RefusedObject, *args: Any) -> Any:
        return touch(self, operation, *args)

    return method


def _fill() -> None:
    import operator

    operations: dict[str, Callable[..., Any]] = {
        "getitem": operator.getitem, "setitem": operator.setitem, "delitem": operator.delitem, "iter": iter,
        "len": len, "bool": bool, "str": str, "int": int, "contains": contains, "eq": operator.eq,
        "ne": operator.ne, "or": operator.or_, "add": operator.add, "setattr": setattr, "delattr": delattr,
        "enter": lambda real: real.__enter__(), "exit": lambda real, *exc: real.__exit__(*exc),
        "call": lambda real, *args: real(*args), "next": next, "hash": hash,
        "copy": copy.copy, "deepcopy": copy.deepcopy, "reduce_ex": lambda real, protocol: real.__reduce_ex__(protocol),
    }  # fmt: skip
    for name, operation in operations.items():
        setattr(RefusedObject, f"__{name}__", _operator(operation))


_fill()


def replacement(api: str, real: Callable[..., Any] | None) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Decorator of a deterministic implementation `f(run, ...)`: finds the run, lets `unsafe()` through."""

    def decorate(function: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            run = active_run(api)
            if run.unsafe_depth and real is not None:
                return real(*args, **kwargs)
            return function(run, *args, **kwargs)

        short = api.rpartition(".")[2]
        call.__name__ = call.__qualname__ = short
        call.__module__ = api.rpartition(".")[0] or "builtins"
        call.__doc__ = getattr(real, "__doc__", None)
        return call

    return decorate
