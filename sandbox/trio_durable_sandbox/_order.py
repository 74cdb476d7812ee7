"""Sets in one order on every host.

A set of text iterates in an order that depends on PYTHONHASHSEED, a set of objects in one that depends on
addresses. User code is rewritten (`_rewrite_order`) so that wherever it turns a set into a sequence (`for`,
comprehensions, `*s`, unpacking, `list(s)`, `s.pop()`, `", ".join(s)` ...) the elements come sorted by the key below. A
set whose elements have neither such a key nor a `<` of their own cannot be iterated: it is refused with a remedy.
`sorted(s, key=...)` is that remedy; so it works, unless two elements share a key. What does not depend on the order
(`len`, `in`, `|`, `any(s)`) is left alone.

The key is a format like those in `_values`: NaN < numbers (by value) < complex < str < bytes < None < tuples < enums <
dates, times and zones < UUIDs < frozensets < paths < classes and functions < objects of generated classes (dataclasses,
attrs, msgspec, pydantic) by their fields < what says its place itself: a class may have `__sandbox_order__(self)`,
which gives a number that is the same on every replay; the engine's tasks and futures do.
"""

from __future__ import annotations

import contextvars
import dataclasses
import datetime as _datetime
import decimal
import enum
import fractions
import itertools
import pathlib
import uuid
import weakref
import zoneinfo
from collections.abc import Callable, Iterable, Iterator, Mapping
from types import BuiltinFunctionType, FunctionType, GeneratorType
from typing import Any

from ._remedies import REMEDIES
from ._state import MARK, is_users, refuse

_SETS = (set, frozenset)
_SET_ITERS: tuple[Any, ...] = (set.__iter__, frozenset.__iter__)
_EMPTY = contextvars.Context()
_CONTEXTS = (contextvars.Context, *(type(view()) for view in (_EMPTY.keys, _EMPTY.values, _EMPTY.items)))
"""Context variables are kept in the order of their addresses."""
_UNORDERED = (set, frozenset, weakref.WeakSet, *_CONTEXTS)
_ORDERED_EXACTLY = frozenset({list, tuple, dict, str, range, bytes, map, zip, enumerate, GeneratorType})
"""Most of what is iterated: told fastest."""
_OF_TUPLES: tuple[type, ...] = (Mapping, type({}.items()), enumerate, zip)


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
    names = compared(item)
    if names is not None:
        return 11, kind.__qualname__, [_key(getattr(item, name)) for name in names]
    place = getattr(kind, "__sandbox_order__", None)
    if place is not None:
        return 12, place(item)
    raise _NoOrder(kind.__qualname__)


def compared(item: Any, *, every: bool = False) -> Iterable[str] | None:
    """The fields by which an object of a generated class is compared; or all that it has."""
    kind: Any = type(item)
    if dataclasses.is_dataclass(item):
        return [field.name for field in dataclasses.fields(item) if field.compare or every]
    attributes = getattr(kind, "__attrs_attrs__", None)
    if attributes is not None:
        return [attribute.name for attribute in attributes if attribute.eq or every]
    found: Iterable[str] | None = getattr(kind, "__struct_fields__", None)  # msgspec
    return getattr(kind, "__pydantic_fields__", None) if found is None else found


def _number(item: Any) -> tuple[Any, ...]:
    return (0, item) if item == item else (-1, type(item).__name__)


def _function(item: Any) -> tuple[Any, ...]:
    return 10, str(item.__module__), item.__qualname__


def _moment(item: Any) -> tuple[Any, ...]:
    if isinstance(item, _datetime.datetime) and item.utcoffset() is not None:
        item = item.astimezone(_datetime.UTC)
    return 6, type(item).__name__, item.isoformat()


_KEYS: dict[type, Callable[[Any], tuple[Any, ...]]] = {
    bool: lambda item: (0, item), int: lambda item: (0, item), float: _number,
    complex: lambda item: (0.5, [_number(item.real), _number(item.imag)]),
    decimal.Decimal: _number, fractions.Fraction: lambda item: (0, item),
    str: lambda item: (1, str(item)), bytes: lambda item: (2, bytes(item)), type(None): lambda item: (3,),
    tuple: lambda item: (4, [_key(part) for part in item]),
    range: lambda item: (4, [(0, item.start), (0, item.stop), (0, item.step)]),
    _datetime.datetime: _moment, _datetime.date: _moment, _datetime.time: _moment,
    _datetime.timedelta: lambda item: (6, "timedelta", item),
    _datetime.timezone: lambda item: (6, "timezone", str(item)),
    zoneinfo.ZoneInfo: lambda item: (6, "timezone", str(item)),
    uuid.UUID: lambda item: (7, item.int),
    frozenset: lambda item: (8, sorted(_key(part) for part in item)),
    pathlib.PurePath: lambda item: (9, item.as_posix()),
    type: _function, FunctionType: _function, BuiltinFunctionType: _function,
}  # fmt: skip
_SIMPLE: tuple[set[type], ...] = ({str}, {int}, {bytes})
"""Kinds of elements whose own order is that of their keys."""


def arranged(items: Any) -> list[Any] | None:
    """The elements in the order of their keys, or in that of their own `<`; None where they have neither."""
    if type(items) in _CONTEXTS:
        return refuse("iterating a contextvars.Context", REMEDIES["context"], list, items)  # type: ignore[no-any-return]
    if set(map(type, items)) in _SIMPLE:
        return sorted(items)
    try:
        return sorted(items, key=_key)
    except (_NoOrder, TypeError, ArithmeticError):
        pass
    try:
        made = sorted(items)
        return made if all(one < other for one, other in itertools.pairwise(made)) else None
    except (TypeError, ArithmeticError):
        return None


def kind_of(items: Any) -> str:
    """What the elements are, for a message."""
    names = sorted({type(item).__qualname__ for item in items})
    return names[0] if len(names) == 1 else "several kinds"


def in_order(items: Any) -> list[Any]:
    """The elements of a set in the order of their keys, or a violation."""
    made = arranged(items)
    if made is None:
        return refuse(f"iterating a set of {kind_of(items)}", REMEDIES["order"], list, items)  # type: ignore[no-any-return]
    return made


def quietly_in_order(items: Any, fallback: Callable[[Any], str]) -> list[Any]:
    """For text, where nothing needs to be refused: by the elements' own text where they have no other order."""
    made = arranged(items)
    return sorted(items, key=fallback) if made is None else made


def is_unordered(value: Any) -> bool:
    """A set (or WeakSet) that has more than one element and no `__iter__` of its own; a context."""
    if isinstance(value, _SETS):
        return type(value).__iter__ in _SET_ITERS and len(value) > 1
    return type(value) in _UNORDERED


def ordered(value: Any, /) -> Any:
    """A set as a sorted list; anything else as it is."""
    if type(value) in _ORDERED_EXACTLY:
        return value
    if isinstance(value, _UNORDERED) and is_unordered(value):
        return in_order(value)
    return value


class InOrder(set[Any]):
    """A set that is handed to a method which may iterate it (`extend`), or not (`set.update`): sorts when it does."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Any]:
        return iter(in_order(set(self)))

    def __reduce_ex__(self, protocol: object) -> Any:
        return set, (in_order(set(self)),)


class InOrderFrozen(frozenset[Any]):
    """Likewise for a frozenset."""

    __slots__ = ()

    def __iter__(self) -> Iterator[Any]:
        return iter(in_order(frozenset(self)))

    def __reduce_ex__(self, protocol: object) -> Any:
        return frozenset, (in_order(frozenset(self)),)


for _kind, _known in ((InOrder, set), (InOrderFrozen, frozenset)):
    _kind.__name__ = _kind.__qualname__ = _known.__name__  # what Python says of operands that do not fit


def lazily(value: Any, /) -> Any:
    """A set as one that iterates in order; anything else as it is."""
    plain = isinstance(value, _SETS) and type(value).__iter__ in _SET_ITERS and len(value) > 1
    return InOrder(value) if plain else value


def added(value: Any, into: Any, read: Callable[[], Any] | None = None, /) -> Any:
    """The right side of `into += value`; or of what `read` gives."""
    if not isinstance(value, _SETS):
        return value
    owner: Any = type(into if read is None else read())
    for name in ("__iadd__", "__ior__", "__add__", "__or__"):
        if is_users(getattr(owner, name, None)):
            return value
    return value if issubclass(owner, _SETS) else lazily(value)


def taking(method: Any, /) -> Any:
    """`X.update` and other methods that iterate what they are given, unless they are the user's own."""
    if type(method) is not BuiltinFunctionType:
        function = getattr(method, "__func__", method)
        if isinstance(function, FunctionType) and MARK in function.__globals__.get("__builtins__", ()):
            return method
    elif method.__name__ == "fromkeys":  # the second argument is what each key gets
        return lambda keys, *value: method(lazily(keys), *value)
    return lambda *args, **options: method(*map(lazily, args), **options)


def each(value: Any, /) -> Any:
    """The sets within an iterable (or among the values of a mapping) in order, for what iterates those in turn."""
    if isinstance(value, Mapping):
        return {key: ordered(item) for key, item in value.items()}
    value = ordered(value)
    if isinstance(value, list | tuple):
        return [ordered(item) for item in value] if any(map(is_unordered, value)) else value
    return map(ordered, value)


def unpacked(value: Any, /) -> Any:
    """`for a, b in value`: its elements are unpacked, so those that are sets must have an order, too."""
    value = ordered(value)
    if isinstance(value, list | tuple):
        kinds = set(map(type, value))
        return value if kinds.isdisjoint(_SETS) else [ordered(item) for item in value]
    if isinstance(value, _OF_TUPLES):
        return value
    return map(ordered, value)


def pop(owner: Any, /, *args: Any) -> Any:
    """`owner.pop()`: of a set, its first element. Also `set.pop(owner)`."""
    if owner is set and args:
        return pop_first(*args)
    method = owner.pop  # also that of `super()`
    if type(method) is BuiltinFunctionType and isinstance(method.__self__, set) and not args:
        return pop_first(method.__self__)
    return method(*args)


def pop_first(items: Any, /) -> Any:
    """The first element of a set, removed from it.

    A set that is emptied by `pop` is sorted once: its order is kept as long as nothing else makes it grow or shrink.
    """
    if len(items) < 2:
        return set.pop(items)
    known = _popped.get(id(items))
    if known is None or known.of() is not items:
        key = id(items)
        known = _popped[key] = _Popped(weakref.ref(items, lambda _: _popped.pop(key, None)))
    while True:
        if not known.left or known.size != len(items):
            known.left, known.size = in_order(items)[::-1], len(items)
        first = known.left.pop()
        if first in items:
            known.size -= 1
            set.remove(items, first)
            return first


@dataclasses.dataclass(slots=True)
class _Popped:
    """What is known of a set since its last `pop`."""

    of: weakref.ref[Any]
    left: list[Any] = dataclasses.field(default_factory=list)
    size: int = 0


_popped: dict[int, _Popped] = {}
