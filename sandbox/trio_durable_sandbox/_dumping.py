"""Libraries that turn a whole value into JSON or a pickle, in C: they are given a copy whose sets iterate in order.

`json` cannot write sets; what it is told to do with them (`default=`) is user code, or rewritten (`_iterating`).
"""

from __future__ import annotations

import copy
import sys
from collections.abc import Callable, Iterator
from typing import Any

from ._order import InOrder, InOrderFrozen, compared, is_unordered

_HOMES = frozenset({"pickle", "msgspec", "pydantic", "pydantic_core"})
_OF_MODELS = frozenset({"model_dump", "model_dump_json", "dict", "json"})
_PLAIN = frozenset({str, int, float, bool, type(None), bytes, complex})
_TOO_DEEP = 50


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
    return _copied(value) if any(map(is_unordered, _everything(value))) else value


def _fields(value: Any) -> list[tuple[str, Any]]:
    return [(name, getattr(value, name)) for name in compared(value, every=True) or () if hasattr(value, name)]


def _everything(value: Any, depth: int = 0) -> Iterator[Any]:
    if type(value) in _PLAIN or depth > _TOO_DEEP:
        return
    yield value
    if isinstance(value, dict):
        parts: Any = value.values()
    elif isinstance(value, list | tuple):
        parts = value
    else:
        parts = (part for _, part in _fields(value))
    for part in parts:
        yield from _everything(part, depth + 1)


def _copied(value: Any) -> Any:
    kind = type(value)
    if kind in _PLAIN:
        return value
    if is_unordered(value) and isinstance(value, set | frozenset):
        return InOrder(value) if isinstance(value, set) else InOrderFrozen(value)
    if kind is list:
        return [_copied(item) for item in value]
    if isinstance(value, tuple):
        items = (_copied(item) for item in value)
        return kind._make(items) if hasattr(kind, "_make") else tuple(items)
    if isinstance(value, dict):
        made = copy.copy(value)
        made.update({key: _copied(item) for key, item in value.items()})
        return made
    changed = [(name, new) for name, part in _fields(value) if (new := in_order_within(part)) is not part]
    if not changed:
        return value
    made = copy.copy(value)
    for name, new in changed:
        _assign(made, name, new)
    return made


def _assign(owner: Any, name: str, value: Any) -> None:
    if hasattr(type(owner), "__struct_fields__"):
        sys.modules["msgspec"].structs.force_setattr(owner, name, value)
    else:
        object.__setattr__(owner, name, value)  # frozen ones, too: it is our copy
