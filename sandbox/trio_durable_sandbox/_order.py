"""Sets in one order on every host.

A set of text iterates in an order that depends on PYTHONHASHSEED, a set of objects in one that depends on
addresses. User code is rewritten so that wherever it turns a set into a sequence (`for`, comprehensions, `*s`,
unpacking, `list(s)`, `s.pop()`, `", ".join(s)`, `f"{s}"` ...) the elements come sorted by the key below. A set whose
elements have no such key cannot be iterated: it is refused with a remedy.

The key is a format like those in `_values`: numbers (by value) < str < bytes < None < tuples < enums < dates and
times < UUIDs < frozensets < paths < classes and functions < frozen dataclasses < what says its place itself: a
class may have `__sandbox_order__(self)`, which gives a number that is the same on every replay; the engine's tasks and
futures do.
"""

from __future__ import annotations

import dataclasses
import datetime as _datetime
import decimal
import enum
import fractions
import pathlib
import re
import types
import uuid
from collections.abc import Callable
from typing import Any

from ._state import refuse

REMEDY = "sort it with a key, or keep the elements in a list or as the keys of a dict, which have an order"
_SETS = (set, frozenset)
_SET_ITERS: tuple[Any, ...] = (set.__iter__, frozenset.__iter__)
_SET_REPRS: tuple[Any, ...] = (set.__repr__, frozenset.__repr__)


class _NoOrder(Exception):
    pass


def _key(item: Any) -> tuple[Any, ...]:
    kind = type(item)
    made = _KEYS.get(kind)
    if made is not None:
        return made(item)
    if isinstance(item, enum.Enum):
        return 5, kind.__qualname__, item.name
    for base in (int, float, str, bytes, tuple, frozenset, pathlib.PurePath, type):
        if isinstance(item, base):
            return _KEYS[base](item)
    if dataclasses.is_dataclass(item):
        fields = [_key(getattr(item, field.name)) for field in dataclasses.fields(item) if field.compare]
        return 11, kind.__qualname__, fields
    place = getattr(kind, "__sandbox_order__", None)
    if place is not None:
        return 12, place(item)
    raise _NoOrder(kind.__qualname__)


def _function(item: Any) -> tuple[Any, ...]:
    return 10, str(item.__module__), item.__qualname__


def _moment(item: Any) -> tuple[Any, ...]:
    if isinstance(item, _datetime.datetime) and item.utcoffset() is not None:
        item = item.astimezone(_datetime.UTC)
    return 6, type(item).__name__, item.isoformat()


_KEYS: dict[type, Callable[[Any], tuple[Any, ...]]] = {
    bool: lambda item: (0, item), int: lambda item: (0, item), float: lambda item: (0, item),
    decimal.Decimal: lambda item: (0, item), fractions.Fraction: lambda item: (0, item),
    str: lambda item: (1, str(item)), bytes: lambda item: (2, bytes(item)), type(None): lambda item: (3,),
    tuple: lambda item: (4, [_key(part) for part in item]),
    _datetime.datetime: _moment, _datetime.date: _moment, _datetime.time: _moment,
    _datetime.timedelta: lambda item: (6, "timedelta", item),
    uuid.UUID: lambda item: (7, item.int),
    frozenset: lambda item: (8, sorted(_key(part) for part in item)),
    pathlib.PurePath: lambda item: (9, item.as_posix()),
    type: _function, types.FunctionType: _function, types.BuiltinFunctionType: _function,
}  # fmt: skip


def in_order(items: Any) -> list[Any]:
    """The elements of a set in the order of their keys, or a violation."""
    try:
        return sorted(items, key=_key)
    except (_NoOrder, TypeError) as error:
        what = str(error) if isinstance(error, _NoOrder) else "several kinds"
        return refuse(f"iterating a set of {what}", REMEDY, list, items)  # type: ignore[no-any-return]


def ordered(value: Any, /) -> Any:
    """A set as a sorted list; anything else as it is."""
    if isinstance(value, _SETS) and type(value).__iter__ in _SET_ITERS:
        return in_order(value) if len(value) > 1 else value
    return value


def pop(owner: Any, /) -> Any:
    """`owner.pop()`: of a set, its first element."""
    if type(owner) is set and len(owner) > 1:
        first = in_order(owner)[0]
        owner.remove(first)
        return first
    return owner.pop()


class _Shown:
    """A text that takes an object's place in `str`, `repr`, `print` and f-strings."""

    __slots__ = ("_text",)

    def __init__(self, text: str) -> None:
        self._text = text

    def __repr__(self) -> str:
        return self._text

    def __format__(self, spec: str) -> str:
        if spec:
            raise TypeError("unsupported format string passed to object.__format__")
        return self._text


_PLAIN = frozenset({str, int, float, bool, type(None), bytes, complex})
_ADDRESS = re.compile(r" at 0x[0-9a-fA-F]+")
_WITH_ADDRESS: frozenset[Any] = frozenset(
    kind.__repr__ for kind in (
        object, types.FunctionType, types.BuiltinFunctionType, types.MethodType, types.CoroutineType,
        types.GeneratorType, types.AsyncGeneratorType, types.MethodWrapperType,
    )
)  # fmt: skip
_TOO_DEEP = 50


def _has_address(value: Any) -> bool:
    kind: Any = type(value)
    own = kind.__str__ is object.__str__ and kind.__format__ is object.__format__
    return own and kind.__repr__ in _WITH_ADDRESS and not isinstance(value, type)


def _differs(value: Any, depth: int = 0) -> bool:
    """Whether its text would differ from host to host: it shows an address, or a set within builtin containers."""
    kind = type(value)
    if kind in _PLAIN or depth > _TOO_DEEP:
        return False
    if kind is list or kind is tuple:
        return any(_differs(item, depth + 1) for item in value)
    if kind is dict:
        return any(_differs(key, depth + 1) or _differs(item, depth + 1) for key, item in value.items())
    if isinstance(value, _SETS):
        return kind.__repr__ in _SET_REPRS and (len(value) > 1 or any(_differs(item, depth + 1) for item in value))
    return _has_address(value)


def _text(value: Any, depth: int = 0) -> str:
    """`repr` with sets in order and without addresses."""
    kind = type(value)
    if depth > _TOO_DEEP:
        return "..."
    if kind is list:
        return "[" + ", ".join(_text(item, depth + 1) for item in value) + "]"
    if kind is tuple:
        return "(" + ", ".join(_text(item, depth + 1) for item in value) + (",)" if len(value) == 1 else ")")
    if kind is dict:
        pairs = (f"{_text(key, depth + 1)}: {_text(item, depth + 1)}" for key, item in value.items())
        return "{" + ", ".join(pairs) + "}"
    if isinstance(value, _SETS) and kind.__repr__ in _SET_REPRS and value:
        inner = "{" + ", ".join(_text(item, depth + 1) for item in in_order(value)) + "}"
        return inner if kind is set else f"{kind.__name__}({inner})"
    return _ADDRESS.sub("", repr(value)) if _has_address(value) else repr(value)


def shown(value: Any, /) -> Any:
    """What takes a value's place where it becomes text: sets in order, no addresses; most values as they are."""
    return _Shown(_text(value)) if type(value) not in _PLAIN and _differs(value) else value


def shown_all(values: Any, /) -> Any:
    """The right side of `"..." % values`."""
    return tuple(shown(value) for value in values) if type(values) is tuple else shown(values)
