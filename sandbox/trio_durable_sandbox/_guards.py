"""The run-time half of the guard: what the rewritten code and the guarded `getattr` call.

The guard looks at the *value* that an attribute access gave, never at the spelling of the access: `datetime.now`
through an instance, a subclass, `super()` or an alias is the same C function with another `__self__`.
"""

from __future__ import annotations

import datetime as _datetime
import inspect
import os
import pathlib
import sys
from abc import ABCMeta
from collections.abc import Callable
from importlib.machinery import ExtensionFileLoader, ModuleSpec, SourceFileLoader, SourcelessFileLoader
from types import (
    BuiltinFunctionType,
    ClassMethodDescriptorType,
    FrameType,
    FunctionType,
    MappingProxyType,
    MethodDescriptorType,
    MethodType,
    MethodWrapperType,
    ModuleType,
    WrapperDescriptorType,
)
from typing import Any

from ._members import NAMES as ORDERED_MEMBERS
from ._members import in_order_of
from ._names import ModuleName
from ._ownership import dict_of, is_shared_class, list_of, mutable, others, proxy_of, remedy_for, share
from ._policy import words
from ._policy_members import MEMBERS
from ._remedies import REMEDIES
from ._replace_dates import present
from ._replace_library import library_method
from ._replace_values import DATETIME_CLASS_METHODS, datetime_descriptor, datetime_member
from ._rewrite import path_of
from ._standins import BY_VALUE, StandIn, rule_for, stand_in
from ._state import MARK, SHARED, get_run, refuse

__all__ = ["clean", "file", "file_of", "guard", "guarded_getattr", "mutable", "real_stand_in", "share"]

_PATH_MEMBERS: dict[Any, str] = {}
"""Function behind a `pathlib.Path` method -> its name."""

for _type, _, _members in MEMBERS:
    if _type == "pathlib.Path":
        for _name in words(_members):
            _found = inspect.getattr_static(pathlib.Path, _name, None)
            if _found is not None:
                _PATH_MEMBERS[getattr(_found, "__func__", _found)] = _name


def guard(obj: Any, name: str, /) -> Any:
    """`obj.name` for the names that the policy knows."""
    value = getattr(obj, name) if type(obj) is not ModuleType else getattr(_as_seen(obj), name)
    handler = _HANDLERS.get(type(value))
    if handler is not None:
        return handler(obj, name, value)
    if isinstance(value, type):
        return _loader(obj, name, value) if name == "__loader__" else _by_value(value)
    return present(obj, name, value) or value


def _as_seen(module: ModuleType) -> Any:
    """A module under whatever name a library keeps it (`collections._sys`): as sandboxed code would import it."""
    run = get_run()
    if run is None or run.unsafe_depth or MARK in vars(module).get("__builtins__", ()) or others(module) is None:
        return module
    found = sys.modules.get(module.__name__)
    if found is not module or rule_for(module.__name__) is None or run.sandbox.passes(module.__name__):
        return module
    return run.sandbox.seen(run, module)


def guarded_getattr(obj: Any, name: str, /, *default: Any) -> Any:
    """The builtin `getattr` of sandboxed code."""
    value = getattr(obj if type(obj) is not ModuleType else _as_seen(obj), name, *default)
    if name in ORDERED_MEMBERS:
        return in_order_of(obj, name, value)
    handler = _HANDLERS.get(type(value))
    if handler is not None:
        return handler(obj, name, value)
    return _by_value(value) if isinstance(value, type) else present(obj, name, value) or value


def clean(value: Any) -> Any:
    """What sandboxed code gets when it imports this value by name from a module that is passed through."""
    if isinstance(value, type):
        return _by_value(value)
    handler = _CLEANERS.get(type(value))
    return value if handler is None else handler(None, "", value)


def _by_value(value: Any) -> Any:
    found = BY_VALUE.get(value)
    if found is None:
        return value
    run = get_run()
    if run is None or run.unsafe_depth or run.sandbox.passes(found[0]):
        return value
    return found[1]


def _function(obj: Any, name: str, value: Any) -> Any:
    member = _PATH_MEMBERS.get(value)
    if member is not None:
        return _refusing(f"pathlib.Path.{member}", REMEDIES["file"], value)
    if value is ABCMeta.register:
        return _registering
    return library_method(value) or _by_value(value)


def _registering(kind: Any, *args: Any) -> Any:
    """`ABCMeta.register(Sized, Own)`."""
    return guard(kind, "register")(*args)


def _method(obj: Any, name: str, value: Any) -> Any:
    member = _PATH_MEMBERS.get(value.__func__)
    if member is not None:
        return _refusing(f"pathlib.Path.{member}", REMEDIES["file"], value)
    if name == "__getattribute__":
        return value
    made = library_method(value) or present(obj, name, value)
    if made is not None:
        return made
    if value.__func__ is ABCMeta.register:
        shared = others(obj)
        if shared is not None:
            return _refusing(f"{shared}.register", remedy_for(obj), value)
    try:
        return _by_value(value)
    except TypeError:  # bound to an object that has no hash
        return value


def _builtin(obj: Any, name: str, value: Any) -> Any:
    owner = value.__self__
    if owner is None or isinstance(owner, ModuleType):
        return _by_value(value)
    if isinstance(owner, type | _datetime.date | _datetime.time):
        made = datetime_member(value)
        if made is not None:
            return made
        if value.__name__ == "__subclasses__":
            return _refusing(f"{getattr(owner, '__name__', owner)}.__subclasses__", REMEDIES["memory"], value)
    elif isinstance(owner, ModuleType):
        return _by_value(value)
    try:
        return _by_value(value)
    except TypeError:
        return value


def _descriptor(obj: Any, name: str, value: Any) -> Any:
    made = datetime_descriptor(value)
    if made is not None:
        return made
    if value.__name__ == "__subclasses__":
        return _refusing("type.__subclasses__", REMEDIES["memory"], value)
    return value


def _class_descriptor(obj: Any, name: str, value: Any) -> Any:
    made = DATETIME_CLASS_METHODS.get((value.__objclass__.__name__, value.__name__))
    return value if made is None or value.__objclass__.__module__ != "datetime" else made


def _module(obj: Any, name: str, value: ModuleType) -> Any:
    run = get_run()
    if run is None or run.unsafe_depth or isinstance(value, StandIn) or MARK in vars(value).get("__builtins__", ()):
        return value
    return run.sandbox.seen(run, value)


def _frame(obj: Any, name: str, value: FrameType) -> Any:
    return refuse(f"{type(obj).__name__}.{name}", REMEDIES["frames"], lambda: value)


def _dict(obj: Any, name: str, value: dict[str, Any]) -> Any:
    if name in ("__globals__", "f_globals", "f_locals", "f_builtins", "__builtins__"):
        if name == "__globals__" and MARK in value.get("__builtins__", ()):
            return MappingProxyType(value) if SHARED in value["__builtins__"] else value
        return refuse(f"{type(obj).__name__}.{name}", REMEDIES["frames"], lambda: value)
    if name == "__dict__" and isinstance(obj, ModuleType):
        run = get_run()
        builtins = value.get("__builtins__", ())
        if run is not None and not run.unsafe_depth and MARK not in builtins and others(obj) is not None:
            return MappingProxyType({key: clean(item) for key, item in value.items()})
        if SHARED in builtins:
            return MappingProxyType(value)
    return dict_of(obj, name, value)


def _proxy(obj: Any, name: str, value: Any) -> Any:
    of_type = name == "__dict__" and isinstance(obj, type) and issubclass(obj, _datetime.date | pathlib.Path)
    if of_type and obj.__module__ in ("datetime", "pathlib", "pathlib._local"):
        return MappingProxyType({key: _member(obj, key, item) for key, item in value.items()})
    if name == "__dict__" and isinstance(obj, type) and is_shared_class(obj):
        return proxy_of(obj)
    return value


def _member(owner: type, key: str, item: Any) -> Any:
    return item if key.startswith("__") else guard(owner, key)


def _reader(obj: Any, name: str, value: Any) -> Any:
    """`type.__getattribute__`, `super().__getattribute__`: what they give is looked at as well; so are the writers."""
    if name in ("__setattr__", "__delattr__"):
        return _writer(value)
    if name != "__getattribute__":
        return value

    def read(*args: Any) -> Any:
        found = value(*args)
        handler = _HANDLERS.get(type(found))
        return found if handler is None else handler(args[0], args[-1], found)

    return read


def _writer(value: Any) -> Any:
    """`type.__setattr__`, `object.__delattr__`: they change classes and modules as assignments do."""
    bound = getattr(value, "__self__", None)

    def write(*args: Any) -> Any:
        mutable(*(args[:2] if bound is None else (bound, args[0])))
        return value(*args)

    return write


def _loader(obj: Any, name: str, value: Any) -> Any:
    """Loaders and specs make real modules."""
    if isinstance(obj, ModuleType):
        return refuse(f"module.{name}", REMEDIES["modules"], lambda: value)
    return value


def _list(obj: Any, name: str, value: list[Any]) -> Any:
    return list_of(obj, name, value) if isinstance(obj, type) else _environ(obj, name, value)


def _environ(obj: Any, name: str, value: Any) -> Any:
    """`os.environ`, `sys.argv` and the like, which libraries may have imported by name."""
    run = get_run()
    if run is not None and not run.unsafe_depth:
        for home, attribute in _OF_THE_HOST:
            if getattr(sys.modules[home], attribute, None) is value and not run.sandbox.passes(home):
                return getattr(stand_in(home), attribute)
    return value


_OF_THE_HOST = (
    ("os", "environ"), ("os", "environb"), ("sys", "argv"), ("sys", "orig_argv"), ("sys", "path"), ("sys", "modules"),
)  # fmt: skip


def _plain(obj: Any, name: str, value: ModuleName) -> str:
    return str(value)


def _refusing(api: str, remedy: str, real: Callable[..., Any]) -> Callable[..., Any]:
    def call(*args: Any, **kwargs: Any) -> Any:
        return refuse(api, remedy, real, *args, **kwargs)

    return call


_HANDLERS: dict[type, Callable[[Any, str, Any], Any]] = {
    FunctionType: _function,
    MethodType: _method,
    BuiltinFunctionType: _builtin,
    MethodDescriptorType: _descriptor,
    ClassMethodDescriptorType: _class_descriptor,
    ModuleType: _module,
    FrameType: _frame,
    dict: _dict,
    MappingProxyType: _proxy,
    MethodWrapperType: _reader,
    WrapperDescriptorType: _reader,
    ModuleName: _plain,
    list: _list,
    type(os.environ): _environ,
    ModuleSpec: _loader,
    SourceFileLoader: _loader,
    SourcelessFileLoader: _loader,
    ExtensionFileLoader: _loader,
}
_CLEANERS = {
    kind: _environ if kind in (list, dict) else handler for kind, handler in _HANDLERS.items()
    if kind in (FunctionType, BuiltinFunctionType, MethodType, ModuleType, list, dict, type(os.environ))
}  # fmt: skip


def file(real: str, stable: str, /) -> str:
    """`__file__`: where the file lies differs from host to host, except for what really opens it."""
    run = get_run()
    return real if run is None or run.mode != "strict" or run.unsafe_depth else stable


def file_of(obj: Any, /) -> Any:
    """`module.__file__`."""
    real = obj.__file__
    if isinstance(obj, ModuleType) and MARK in vars(obj).get("__builtins__", ()):
        return file(real, path_of(str(obj.__name__), "__path__" in vars(obj)))
    return real


def real_stand_in(module: ModuleType) -> ModuleType:
    """The stand-in of a real module, or the module itself where there is no rule for it."""
    return module if rule_for(module.__name__) is None else stand_in(module.__name__)
