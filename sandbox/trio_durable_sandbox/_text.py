"""The text of values, the same on every host: sets in order, no addresses.

Where user code turns a value into text (`str`, `repr`, `print`, f-strings, `%`, `str.format`), the rewritten code asks
`shown` first. It looks for sets and for objects that show their address, in builtin containers and in objects whose
text is made of their fields (dataclasses, exceptions, named tuples ...). Where there are none, which is nearly always,
the value itself is used. Otherwise the value's own text is taken, and in it the text of each such part is replaced.
"""

from __future__ import annotations

import collections
import contextvars
import datetime
import functools
import operator
import re
import types
import weakref
from typing import Any

from ._order import quietly_in_order
from ._replace_library import library_text
from ._replace_zone import formatted

_PLAIN = frozenset({str, int, float, bool, type(None), bytes, complex})
_SETS = (set, frozenset)
_SET_REPRS: tuple[Any, ...] = (set.__repr__, frozenset.__repr__)
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_WITH_ADDRESS: frozenset[Any] = frozenset(
    kind.__repr__ for kind in (
        object, types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.CoroutineType,
        types.GeneratorType, types.AsyncGeneratorType, types.MethodWrapperType, types.CodeType, types.FrameType,
        weakref.ref, contextvars.ContextVar, contextvars.Token,
    )
)  # fmt: skip
_CONTAINERS: tuple[type, ...] = (
    list, tuple, set, frozenset, collections.deque, type({}.keys()), type({}.values()), type({}.items()),
)  # fmt: skip
_TOO_DEEP = 50


def _has_address(value: Any) -> bool:
    kind: Any = type(value)
    return kind.__repr__ in _WITH_ADDRESS and not isinstance(value, type)


def _parts(value: Any) -> Any:
    """What an object's text is made of, as far as it is known."""
    kind: Any = type(value)
    if isinstance(value, _CONTAINERS):
        return value
    if isinstance(value, dict):
        return (*dict.keys(value), *dict.values(value))
    if kind is types.MappingProxyType:
        return (*value.keys(), *value.values())
    if isinstance(value, collections.UserDict | collections.UserList):
        return (getattr(value, "data", None),)
    if isinstance(value, collections.ChainMap):
        return getattr(value, "maps", ())
    if isinstance(value, BaseException):
        return value.args
    if isinstance(value, functools.partial):
        return (value.func, *value.args, *value.keywords.values())
    if isinstance(value, types.MethodType):
        return (value.__self__,)
    if kind is types.SimpleNamespace:
        return vars(value).values()
    for listed in ("__dataclass_fields__", "__struct_fields__", "__pydantic_fields__"):
        names = getattr(kind, listed, None)
        if names is not None:
            return [getattr(value, name, None) for name in names]
    attributes = getattr(kind, "__attrs_attrs__", None)
    return () if attributes is None else [getattr(value, attribute.name, None) for attribute in attributes]


def _search(value: Any, found: list[Any], seen: set[int], depth: int = 0) -> None:
    """Collect the outermost sets and objects with an address."""
    if type(value) in _PLAIN or depth > _TOO_DEEP or id(value) in seen:
        return
    seen.add(id(value))
    if isinstance(value, _SETS) and type(value).__repr__ in _SET_REPRS and len(value) > 1:
        found.append(value)
        return
    if _has_address(value):
        found.append(value)
        if not isinstance(value, types.MethodType):
            return
    for part in _parts(value):
        _search(part, found, seen, depth + 1)


def _found(value: Any) -> list[Any]:
    found: list[Any] = []
    _search(value, found, set())
    return found


def _replaced(text: str, found: list[Any]) -> str:
    for part in reversed(found):  # inner ones first: a bound method shows what it is bound to
        text = text.replace(repr(part), _part(part))
    return text


def _part(value: Any) -> str:
    if isinstance(value, _SETS):
        items = quietly_in_order(value, text)
        inner = "{" + ", ".join(map(text, items)) + "}"
        return inner if type(value) is set else f"{type(value).__name__}({inner})"
    return without_address(repr(value))


def without_address(shown_as: str) -> str:
    """A text without the address in it."""
    return _ADDRESS.sub("", shown_as)


def text(value: Any) -> str:
    """`repr` with sets in order and without addresses."""
    return _replaced(repr(value), [] if type(value) in _PLAIN else _found(value))


class _Shown:
    """What takes an object's place in `str`, `repr`, `print`, f-strings and the like."""

    __slots__ = ("_found", "_value")

    def __init__(self, value: Any, found: list[Any]) -> None:
        self._value = value
        self._found = found

    def __repr__(self) -> str:
        return _replaced(repr(self._value), self._found)

    def __str__(self) -> str:
        return _replaced(str(self._value), self._found)

    def __format__(self, spec: str) -> str:
        return _replaced(format(self._value, spec), self._found)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._value, name)  # "{0.name}".format(value)

    def __getitem__(self, key: Any) -> Any:
        return self._value[key]


class _ShownNumber(_Shown):
    """An object that `%d` and `%f` can turn into a number."""

    __slots__ = ()

    def __int__(self) -> int:
        return int(self._value)

    def __index__(self) -> int:
        return operator.index(self._value)

    def __float__(self) -> float:
        return float(self._value)


class _ShownTime(_Shown):
    """A date or time, whose formats must not ask the host for its zone."""

    __slots__ = ()

    def __format__(self, spec: str) -> str:
        return formatted(self._value, spec)


class _ShownMapping(_Shown):
    """The mapping of `"%(name)s" % mapping`; of `"%s" % mapping`, too. Asks the mapping, which may have a default."""

    __slots__ = ()

    def __getitem__(self, key: Any) -> Any:
        return shown(self._value[key])


_NUMERIC = ("__index__", "__int__", "__float__")


def shown(value: Any, /) -> Any:
    """What takes a value's place where it becomes text: itself, unless it contains sets or addresses."""
    if type(value) in _PLAIN:
        return value
    if isinstance(value, datetime.date | datetime.time):
        return _ShownTime(value, [])
    own = library_text(value)
    if own is not None:
        return own()
    found = _found(value)
    if not found:
        return value
    numeric = any(hasattr(type(value), name) for name in _NUMERIC)
    return _ShownNumber(value, found) if numeric else _Shown(value, found)


def shown_all(values: Any, /) -> Any:
    """The right side of `"..." % values`."""
    if isinstance(values, tuple):  # named ones, too, which are as many values
        return tuple(map(shown, tuple.__iter__(values)))
    if isinstance(values, dict):
        changes = any(shown(value) is not value for value in values.values())
        return _ShownMapping(values, _found(values)) if changes else values
    return shown(values)


def mod(left: Any, right: Any, /) -> Any:
    """`left % right`, where left may be text."""
    return left % (shown_all(right) if isinstance(left, str | bytes) else right)


def formatting(real: Any, name: str, /) -> Any:
    """`value.format`, where value is text or a template: a method that shows its arguments."""

    def call(*args: Any, **options: Any) -> str:
        if name != "format":  # format_map, substitute
            args = tuple(shown_all(arg) if isinstance(arg, dict) else arg for arg in args)
        return real(*map(shown, args), **{key: shown(item) for key, item in options.items()})  # type: ignore[no-any-return]

    return call
