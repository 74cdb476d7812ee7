"""Types that msgspec has no rule for, taken apart until it has one for each part.

msgspec refuses a hint where the JSON alone does not tell which type was meant: unions of two dataclasses, of a datetime
and a string, of a pydantic model and anything else; and enums whose values are not all strings or all integers.  Here
such a hint is taken apart: lists, dicts and fields one by one, and a union by these rules.

1. A member whose own JSON is the payload again comes before one that leaves something out or changes it.
2. Among those the first in the hint's order; but None comes before all, and `str`, which every string is, after all.

Payloads of earlier SDKs take this way, too: their named tuples are objects, wherever in a value they stand.
"""

from __future__ import annotations

import collections.abc
import dataclasses
import enum
import types
import typing
from collections.abc import Callable, Iterable
from typing import Any

import msgspec

__all__ = ["Plainly", "convert"]

#: What msgspec makes of a value for a hint; TypeError for hints without a rule, ValidationError for other values.
Leaf = Callable[[object, Any], Any]
#: A value as the plain ones that its JSON holds.
Plainly = Callable[[object], object]

#: What `type X = ...` makes, from Python 3.12 on.
_ALIAS: Any = getattr(typing, "TypeAliasType", ())

_SEQUENCES: dict[Any, Callable[[Iterable[Any]], Any]] = {
    list: list,
    set: set,
    frozenset: frozenset,
    collections.abc.Sequence: list,
    collections.abc.Collection: list,
    collections.abc.Set: set,
}
_MAPPINGS = (dict, collections.abc.Mapping, collections.abc.MutableMapping)


def convert(value: object, wanted: Any, leaf: Leaf, plainly: Plainly, *, lenient: bool = False) -> Any:
    """The plain `value` as a `wanted`.

    lenient: take apart what does not fit, too, for named tuples that are objects.  Raises what `leaf` does.
    """

    def inner(value: object, wanted: Any) -> Any:
        return convert(value, wanted, leaf, plainly, lenient=lenient)

    try:
        return leaf(value, wanted)
    except (TypeError, msgspec.ValidationError) as error:
        if isinstance(error, msgspec.ValidationError) and not lenient:
            raise
        made = _apart(value, wanted, inner, plainly)
        if made is _WHOLE:
            raise
        return made


_WHOLE: Any = object()


def _apart(value: Any, wanted: Any, inner: Leaf, plainly: Plainly) -> Any:
    """`value` as a `wanted`, by its parts; `_WHOLE` for a hint that has none."""
    if isinstance(wanted, _ALIAS):
        return inner(value, wanted.__value__)
    if isinstance(wanted, typing.NewType):
        return inner(value, wanted.__supertype__)
    origin, arguments = typing.get_origin(wanted), typing.get_args(wanted)
    if origin is typing.Annotated:
        return inner(value, arguments[0])
    if origin in (typing.Union, types.UnionType):
        return _one_of(value, arguments, inner, plainly)
    if origin in _SEQUENCES:
        return _SEQUENCES[origin](inner(each, arguments[0]) for each in _as("array", value, list))
    if origin is tuple:
        return _tuple(_as("array", value, list), arguments, inner)
    if origin in _MAPPINGS:
        items = _as("object", value, dict).items()
        return {inner(key, arguments[0]): inner(each, arguments[1]) for key, each in items}
    if not isinstance(wanted, type):
        return _WHOLE
    if issubclass(wanted, enum.Enum):
        return _member(value, wanted, plainly)
    if dataclasses.is_dataclass(wanted):
        names = [each.name for each in dataclasses.fields(wanted) if each.init]
        return _fields(_as("object", value, dict), wanted, names, inner)
    if issubclass(wanted, tuple) and hasattr(wanted, "_fields"):
        names = wanted._fields
        given = dict(zip(names, value, strict=False)) if isinstance(value, list) else _as("object", value, dict)
        return _fields(given, wanted, names, inner)
    if typing.is_typeddict(wanted):
        return _keys(_as("object", value, dict), wanted, inner)
    return _WHOLE


def _as(name: str, value: Any, kind: type) -> Any:
    if not isinstance(value, kind):
        raise msgspec.ValidationError(f"Expected `{name}`, got {value!r}")
    return value


def _one_of(value: object, members: tuple[Any, ...], inner: Leaf, plainly: Plainly) -> Any:
    taken: list[Any] = []
    for member in sorted(members, key=lambda each: (each is not type(None), each is str)):
        try:
            made = inner(value, member)
        except msgspec.ValidationError:
            continue
        if _same(plainly(made), value):
            return made
        taken.append(made)
    if not taken:
        names = ", ".join(each.__qualname__ if isinstance(each, type) else str(each) for each in members)
        raise msgspec.ValidationError(f"Expected one of {names}")
    return taken[0]


def _same(one: object, other: object) -> bool:
    """Equality as JSON has it: True is no 1."""
    return one == other and isinstance(one, bool) is isinstance(other, bool)


def _tuple(value: list[Any], arguments: tuple[Any, ...], inner: Leaf) -> tuple[Any, ...]:
    if len(arguments) == 2 and arguments[1] is Ellipsis:
        return tuple(inner(each, arguments[0]) for each in value)
    if len(value) != len(arguments):
        raise msgspec.ValidationError(f"Expected `array` of length {len(arguments)}, got {len(value)}")
    return tuple(inner(each, hint) for each, hint in zip(value, arguments, strict=True))


def _member(value: object, wanted: type[enum.Enum], plainly: Plainly) -> enum.Enum:
    for member in wanted:
        if _same(plainly(member.value), value):
            return member
    raise msgspec.ValidationError(f"Invalid enum value {value!r}")


def _keys(value: dict[str, Any], wanted: Any, inner: Leaf) -> dict[str, Any]:
    """A TypedDict."""
    missing = sorted(wanted.__required_keys__ - value.keys())
    if missing:
        raise msgspec.ValidationError(f"Object missing required field `{missing[0]}`")
    hints = typing.get_type_hints(wanted)
    return {name: inner(value[name], hint) for name, hint in hints.items() if name in value}


def _fields(value: dict[str, Any], wanted: type, names: Iterable[str], inner: Leaf) -> Any:
    """An instance of `wanted`, made from the fields that are there; whatever else is there is left out."""
    hints = typing.get_type_hints(wanted)
    given = {name: inner(value[name], hints.get(name, Any)) for name in names if name in value}
    try:
        return wanted(**given)
    except (TypeError, ValueError) as error:  # a field that is missing, or what the class itself refuses
        raise msgspec.ValidationError(str(error)) from error
