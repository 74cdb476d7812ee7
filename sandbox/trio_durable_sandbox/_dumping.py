"""Libraries that turn a whole value into JSON, in C: they are given a copy whose sets iterate in order.

`json` cannot write sets; what it is told to do with them (`default=`) is user code, or rewritten (`_iterating`).
Pickles are made in `_pickling`.
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterable, Iterator
from typing import Any

from ._order import InOrder, InOrderFrozen, compared, is_unordered

_HOMES = frozenset({"msgspec", "pydantic", "pydantic_core"})
_OF_MODELS = frozenset({"model_dump", "model_dump_json", "dict", "json"})
_PLAIN = frozenset({str, int, float, bool, type(None), bytes, complex})


def dumping(function: Any, /) -> Any:
    """A function about to be called, or one that gives it a value in order if it belongs to such a library."""
    owner = getattr(function, "__self__", None)
    if type(owner) is str:
        return function  # text.encode()
    module = getattr(function, "__module__", None) or type(owner).__module__
    if not isinstance(module, str) or module.partition(".")[0].lstrip("_") not in _HOMES:
        return function
    if function.__name__ in _OF_MODELS and owner is not None:
        return getattr(in_order_within(owner), function.__name__)
    return _with_first(function)


def _with_first(function: Callable[..., Any]) -> Callable[..., Any]:
    return lambda value, /, *args, **options: function(in_order_within(value), *args, **options)


def in_order_within(value: Any) -> Any:
    """The value itself; or, if there are sets somewhere within, a copy in which those iterate in order."""
    return _Copying(value).of(value) if any(map(is_unordered, _everything(value))) else value


def _fields(value: Any) -> list[tuple[str, Any]]:
    return [(name, getattr(value, name)) for name in compared(value, every=True) or () if hasattr(value, name)]


def _parts(value: Any) -> Iterable[Any]:
    if isinstance(value, dict):
        return (*value.keys(), *value.values())
    return value if isinstance(value, list | tuple | set | frozenset) else [part for _, part in _fields(value)]


def _everything(value: Any) -> Iterator[Any]:
    """The value and what it consists of, each once: parents and children may refer to each other."""
    waiting, seen = [value], {}
    while waiting:
        item = waiting.pop()
        if type(item) not in _PLAIN and id(item) not in seen:
            seen[id(item)] = item
            yield item
            waiting.extend(_parts(item))


class _Copying:
    """Copies what leads to a set, once each, so that what was one object, or a circle, is so in the copy."""

    def __init__(self, value: Any) -> None:
        holders: dict[int, list[int]] = {}
        leading: list[int] = []
        for item in _everything(value):
            if is_unordered(item):
                leading.append(id(item))
            for part in _parts(item):
                holders.setdefault(id(part), []).append(id(item))
        self.leading: set[int] = set()
        while leading:
            found = leading.pop()
            if found not in self.leading:
                self.leading.add(found)
                leading.extend(holders.get(found, ()))
        self.made: dict[int, Any] = {}

    def of(self, value: Any) -> Any:
        key = id(value)
        if key not in self.leading or key in self.made:
            return self.made.get(key, value)
        kind = type(value)
        if isinstance(value, set | frozenset):
            parts = map(self.of, value)
            made: Any = InOrder(parts) if isinstance(value, set) else InOrderFrozen(parts)
        elif kind is list:
            made = self.made[key] = []
            made.extend(map(self.of, value))
        elif isinstance(value, dict):
            made = self.made[key] = copy.copy(value)
            made.clear()
            made.update({self.of(name): self.of(item) for name, item in value.items()})
        elif kind is tuple or hasattr(kind, "_make"):
            items = [self.of(item) for item in value]
            made = self.made.get(key) or (tuple(items) if kind is tuple else kind._make(items))
        elif isinstance(value, list | tuple):
            made = value
        else:
            made = self._object(value)
        self.made[key] = made
        return made

    def _object(self, value: Any) -> Any:
        made = self.made[id(value)] = copy.copy(value)
        for name, part in _fields(value):
            new = self.of(part)
            if new is not part:
                _assign(made, name, new)
        return made


def _assign(owner: Any, name: str, value: Any) -> None:
    if hasattr(type(owner), "__struct_fields__"):
        sys.modules["msgspec"].structs.force_setattr(owner, name, value)
    else:
        object.__setattr__(owner, name, value)  # frozen ones, too: it is our copy
