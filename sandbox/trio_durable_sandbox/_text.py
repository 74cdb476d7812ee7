"""The text of values, the same on every host: sets in order, no addresses.

Where user code turns a value into text (`str`, `repr`, `print`, f-strings, `%`, `str.format`), the rewritten code asks
`shown` first. It looks for sets and for objects that show their address, in builtin containers and in objects whose
text is made of their fields (dataclasses, exceptions, named tuples ...). Where there are none, which is nearly always,
the value itself is used. Otherwise the value's own text is taken, and in it the text of each such part is replaced.
"""

from __future__ import annotations

import collections
import contextvars
import dataclasses
import datetime
import functools
import operator
import re
import types
import weakref
from collections.abc import Callable, Iterable
from typing import Any

from ._order import quietly_in_order
from ._replace_library import has_library_text, library_text
from ._replace_zone import formatted
from ._state import is_users

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


@dataclasses.dataclass(slots=True)
class _Kind:
    """What is known of the text of a type's objects. Found once for each type: text is made often."""

    is_set: bool
    has_address: bool
    parts: Callable[[Any], Iterable[Any]] | None
    """What an object's text is made of, as far as it is known."""
    says: bool
    """Whether `str` and `format` are the user's methods, whose own text has been looked at."""
    numeric: bool
    own: bool
    """Whether the library's text reads a clock."""
    plain: bool = False

    def __post_init__(self) -> None:
        self.plain = not (self.is_set or self.has_address or self.parts or self.own)


_kinds: weakref.WeakKeyDictionary[type, _Kind] = weakref.WeakKeyDictionary()


def _kind_of(kind: type) -> _Kind:
    found = _kinds.get(kind)
    if found is None:
        found = _kinds[kind] = _described(kind)
    return found


def _described(kind: Any) -> _Kind:
    methods = ((getattr(kind, name), getattr(object, name)) for name in ("__str__", "__format__"))
    of_user = [method is plain or is_users(method) for method, plain in methods]
    return _Kind(
        is_set=issubclass(kind, _SETS) and kind.__repr__ in _SET_REPRS,
        has_address=kind.__repr__ in _WITH_ADDRESS and not issubclass(kind, type),
        parts=None if all(of_user) and is_users(kind.__repr__) else _parts_of(kind),
        says=all(of_user) and (is_users(kind.__str__) or is_users(kind.__format__)),
        numeric=any(hasattr(kind, name) for name in ("__index__", "__int__", "__float__")),
        own=has_library_text(kind),
    )


def _parts_of(kind: Any) -> Callable[[Any], Iterable[Any]] | None:
    for base, parts in _PARTS.items():
        if issubclass(kind, base):
            return parts
    for listed in ("__dataclass_fields__", "__struct_fields__", "__pydantic_fields__"):
        names = getattr(kind, listed, None)
        if names is not None:
            return _fields(names)
    attributes = getattr(kind, "__attrs_attrs__", None)
    return None if attributes is None else _fields([attribute.name for attribute in attributes])


def _fields(names: Iterable[str]) -> Callable[[Any], Iterable[Any]]:
    listed = tuple(names)  # names only: the fields themselves would keep the class alive
    return lambda value: [getattr(value, name, None) for name in listed]


_PARTS: dict[type, Callable[[Any], Iterable[Any]]] = {
    **dict.fromkeys(_CONTAINERS, lambda value: value),
    dict: lambda value: (*dict.keys(value), *dict.values(value)),
    types.MappingProxyType: lambda value: (*value.keys(), *value.values()),
    collections.UserDict: lambda value: (getattr(value, "data", None),),
    collections.UserList: lambda value: (getattr(value, "data", None),),
    collections.ChainMap: lambda value: getattr(value, "maps", ()),
    BaseException: lambda value: value.args,
    functools.partial: lambda value: (value.func, *value.args, *value.keywords.values()),
    types.MethodType: lambda value: (value.__self__,),
    types.SimpleNamespace: lambda value: vars(value).values(),
}


def _search(value: Any, found: list[Any], seen: set[int], depth: int = 0) -> None:
    """Collect the outermost sets and objects with an address."""
    kind = type(value)
    if kind in _PLAIN:
        return
    known = _kind_of(kind)
    if known.plain or depth > _TOO_DEEP or id(value) in seen:
        return
    seen.add(id(value))
    if known.is_set and len(value) > 1:
        found.append(value)
        return
    if known.has_address:
        found.append(value)
        if kind is not types.MethodType:
            return
    if known.parts is not None:
        for part in known.parts(value):
            if type(part) not in _PLAIN:
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


def base_text(value: Any, base: type, made: Callable[[], str]) -> str:
    """The text that a base class makes of a value, whose own `__repr__` may be what asks for it."""
    if issubclass(base, _SETS) and len(value) > 1:
        return _part(value)
    if _kind_of(type(value)).has_address:
        return without_address(made())
    found: list[Any] = []
    parts = _parts_of(type(value))
    for part in () if parts is None else parts(value):
        _search(part, found, {id(value)})
    return _replaced(made(), found)


class _Shown:
    """What takes an object's place in `str`, `repr`, `print`, f-strings and the like."""

    __slots__ = ("_found", "_value")

    def __init__(self, value: Any, found: list[Any] | None) -> None:
        self._value = value
        self._found = found  # None: not looked for yet, as the text is likely to do without

    def _in_order(self, made: str) -> str:
        if self._found is None:
            if "{" not in made and " at 0x" not in made:
                return made
            self._found = _found(self._value)
        return _replaced(made, self._found)

    def __repr__(self) -> str:
        return self._in_order(repr(self._value))

    def __str__(self) -> str:
        return self._in_order(str(self._value))

    def __format__(self, spec: str) -> str:
        return self._in_order(format(self._value, spec))

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


def shown(value: Any, /) -> Any:
    """What takes a value's place where it becomes text: itself, unless it contains sets or addresses."""
    kind = type(value)
    if kind in _PLAIN:
        return value
    if issubclass(kind, datetime.date | datetime.time):
        return _ShownTime(value, [])
    known = _kind_of(kind)
    if known.plain:
        return value
    if known.own:
        own = library_text(value)
        return value if own is None else own()
    found = None if known.says else _found(value)
    if found == []:
        return value
    return _ShownNumber(value, found) if known.numeric else _Shown(value, found)


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
