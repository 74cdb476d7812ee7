"""Methods of builtin types whose answer depends on order, addresses or the hash seed: `s.__iter__`, `text.format`."""

from __future__ import annotations

import string
from collections.abc import Callable
from types import BuiltinFunctionType, MethodWrapperType, WrapperDescriptorType
from typing import Any

from ._hash import hash_, hash_within
from ._iterating import orderly
from ._order import in_order, pop_first
from ._text import base_text, formatting, without_address

_SET_ITERS: tuple[Any, ...] = (set.__iter__, frozenset.__iter__)


def member(obj: Any, name: str, /) -> Any:
    """`obj.name`, for the names that `_rewrite_order` lists."""
    return in_order_of(obj, name, getattr(obj, name))


def member_within(obj: Any, name: str, /) -> Any:
    """`obj.__hash__`, in a `__hash__` method."""
    value = getattr(obj, name)
    return (lambda: hash_within(value.__self__)) if in_order_of(obj, name, value) is not value else value


def in_order_of(obj: Any, name: str, value: Any) -> Any:
    """`value`, which is `obj.name`, or what takes its place."""
    kind = type(value)
    if name in _FORMATTING:  # not where a class of the user's has a method of that name
        own = value.__self__ if kind is BuiltinFunctionType else None
        known = isinstance(own, str) or getattr(value, "__func__", value) in _FORMATTERS
        return formatting(value, name) if known else value
    if kind is BuiltinFunctionType:
        return _builtin(name, value)
    if kind is MethodWrapperType:
        return _wrapper(obj, name, value)
    if kind is WrapperDescriptorType and (value in _SET_ITERS or value is object.__repr__):
        return _of_set if name == "__iter__" else lambda item: without_address(value(item))
    return pop_first if value is set.pop else value


_FORMATTING = frozenset({"format", "format_map", "substitute", "safe_substitute"})
_FORMATTERS: tuple[Any, ...] = (str.format, str.format_map, string.Template.substitute, string.Template.safe_substitute)
NAMES = _FORMATTING | {"pop", "join", "__iter__", "__hash__", "__repr__", "__str__"}


def _of_set(items: Any) -> Any:
    return iter(in_order(frozenset(items)))  # a copy, which knows nothing of an `__iter__` that is calling


def _builtin(name: str, value: Any) -> Any:
    owner = value.__self__
    if name == "pop" and isinstance(owner, set):
        return lambda: pop_first(owner)
    return orderly(value) if name == "join" else value


def _wrapper(obj: Any, name: str, value: Any) -> Any:
    owner = value.__self__
    if name == "__iter__":
        return (lambda: _of_set(owner)) if isinstance(owner, set | frozenset) else value
    if name == "__hash__":
        # What `super()` gives must agree with the hash of equal values of the base class.
        return value if isinstance(obj, super) or isinstance(owner, type) else lambda: hash_(owner)
    if name in ("__repr__", "__str__") and not isinstance(owner, type):
        return _text_of(owner, value)
    return value


def _text_of(owner: Any, value: Any) -> Callable[[], str]:
    if value.__objclass__ is object:
        return lambda: without_address(value())
    return lambda: base_text(owner, value.__objclass__, value)
