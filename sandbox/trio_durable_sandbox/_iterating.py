"""The builtins that iterate or make text, as orchestrations have them: in order under whatever name they are called.

Only those that are functions. `list`, `tuple`, `str` and other types stay what they are; where user code calls those,
or hands them to `map`, the call is rewritten.
"""

from __future__ import annotations

import builtins
import itertools
from collections.abc import Callable
from types import BuiltinFunctionType
from typing import Any

from ._order import arranged, in_order, is_unordered, kind_of, lazily, ordered
from ._remedies import REMEDIES
from ._state import refuse
from ._text import shown


class Builtin:
    """A builtin function: unlike other functions, it does not become a method where a class holds it."""

    def __init__(self, name: str, function: Callable[..., Any]) -> None:
        self._function = function
        self.__name__ = self.__qualname__ = name
        self.__wrapped__ = getattr(builtins, name)
        self.__doc__ = self.__wrapped__.__doc__

    def __call__(self, *args: Any, **options: Any) -> Any:
        return self._function(*args, **options)

    def __copy__(self) -> Builtin:
        return self

    def __deepcopy__(self, memo: object) -> Builtin:
        return self

    def __repr__(self) -> str:
        return f"<built-in function {self.__name__}>"


def _sorted(iterable: Any, /, *, key: Any = None, reverse: bool = False) -> list[Any]:
    if not is_unordered(iterable):
        return sorted(iterable, key=key, reverse=reverse)
    items = arranged(iterable)
    if items is not None:
        return sorted(items, key=key, reverse=reverse)
    if key is None:
        return in_order(iterable)
    pairs = sorted(((key(item), item) for item in iterable), key=lambda pair: pair[0], reverse=reverse)
    for (one, _), (other, _) in itertools.pairwise(pairs):
        if not (one < other or other < one):
            return _tied("sorting", iterable, lambda: [item for _, item in pairs])  # type: ignore[no-any-return]
    return [item for _, item in pairs]


def _tied(what: str, items: Any, real: Callable[[], Any]) -> Any:
    return refuse(
        f"{what} a set of {kind_of(items)} by a key that two elements share",
        REMEDIES["key"], real,
    )  # fmt: skip


def _extreme(function: Callable[..., Any], what: str) -> Callable[..., Any]:
    def call(*args: Any, **options: Any) -> Any:
        if len(args) != 1 or not is_unordered(args[0]):
            return function(*args, **options)
        items = arranged(args[0])
        key = options.get("key")
        if items is not None or key is None:
            return function(in_order(args[0]) if items is None else items, **options)
        pairs = [(key(item), item) for item in args[0]]
        found, item = function(pairs, key=lambda pair: pair[0])
        if sum(not (made < found or found < made) for made, _ in pairs) > 1:
            return _tied(what, args[0], lambda: item)
        return item

    return call


_INSIDE: dict[str, Callable[..., Any]] = {
    "sorted": _sorted,
    "min": _extreme(min, "taking the least of"),
    "max": _extreme(max, "taking the greatest of"),
    "iter": lambda *args: iter(ordered(args[0])) if len(args) == 1 else iter(*args),
    "sum": lambda *args, **options: sum(*map(ordered, args), **options),
    "repr": lambda value, /: repr(shown(value)),
    "ascii": lambda value, /: ascii(shown(value)),
    "format": lambda value, spec="", /: format(shown(value), spec),
}
FUNCTIONS = {name: Builtin(name, function) for name, function in _INSIDE.items()}

_ITERATING_TYPES = (list, tuple, dict, enumerate, zip, map, filter)


def orderly(function: Any, /) -> Any:
    """A function that is handed to `map`, `sorted(key=)` or `json.dumps(default=)`, which call it from C."""
    if isinstance(function, type):
        return _TYPES.get(function, function)
    if type(function) is BuiltinFunctionType and function.__name__ == "join" and type(function.__self__) is str:
        return lambda parts: function(lazily(parts))
    return function


def _of_type(kind: type) -> Callable[..., Any]:
    return lambda *args, **options: kind(*map(ordered, args), **options)


_TYPES: dict[Any, Callable[..., Any]] = {kind: _of_type(kind) for kind in _ITERATING_TYPES}
_TYPES[str] = lambda *args, **options: str(*map(shown, args), **options)
