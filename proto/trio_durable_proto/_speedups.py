"""Puts the generated codec into betterproto's classes: ours only, and only for the betterproto it was written against.

betterproto 2.0.0b7 looks up metadata on every attribute access and every construction, which costs some hundred times
what the C core needs. Each of our classes gets, in place of what it inherits:

- the generated constructor (`None` for a field means that it is not set);
- plain attribute access: fields that are set live in the instance, and what stands in the class answers for the
  others. That is the default itself where it cannot be changed (0, "", None), otherwise a descriptor which makes
  one and stores it, so that `request.new_events.append(...)` and `item.workflow_request.instance_id = ...` work;
- `__setattr__` that keeps track of oneofs, and nothing more;
- `parse`, `FromString`, `__bytes__`, `SerializeToString`, `__len__` and `dump` by the generated codec.

Two things differ from betterproto on purpose, because peers tell them apart on the wire. A message that was given or
assigned is present, even if it is empty: `HistoryEvent(timestamp=Timestamp())` is an event at the epoch. And `None` for
a member of a oneof clears the oneof. Everything else (`is_set`, `to_dict`, `from_dict`, `==`, `repr`) is
betterproto's own code and works on; copies keep unknown fields.
"""

from __future__ import annotations

import copy
import struct
from collections.abc import Callable
from typing import Any

import betterproto
from betterproto import PLACEHOLDER, Message
from betterproto._version import __version__ as VERSION

from ._wire import MAX_DEPTH, DecodeError, EncodeError, unsigned

BETTERPROTO = "2.0.0b7"

_fields: Callable[[Any], dict[str, Any]] = Message.__dict__["__dict__"].__get__


class _Default:
    """Answers for a field that is not set: makes the default, and stores it without making the message present."""

    __slots__ = ("make", "name")

    def __init__(self, name: str, make: Callable[[], Any]) -> None:
        self.name = name
        self.make = make

    def __get__(self, message: Any, cls: Any = None) -> Any:
        if message is None:
            return PLACEHOLDER
        value = self.make()
        if isinstance(value, Message):
            _fields(value)["_serialized_on_wire"] = False
        _fields(message)[self.name] = value
        return value


class _NotSet:
    """Answers for a member of a oneof that is not set."""

    __slots__ = ("group", "name")

    def __init__(self, name: str, group: str) -> None:
        self.name = name
        self.group = group

    def __get__(self, message: Any, cls: Any = None) -> Any:
        if message is None:
            return PLACEHOLDER
        current = message._group_current[self.group]
        raise AttributeError(f"{self.group!r} is set to {current!r}, not {self.name!r}", name=self.name, obj=message)


def install(codec: dict[Any, tuple[Any, Any, Any]]) -> None:
    """Change the classes that are the keys of `codec`; the values are constructor, reader and writer."""
    if VERSION != BETTERPROTO:
        raise ImportError(
            f"trio_durable_proto was written against betterproto {BETTERPROTO} and found {VERSION}: "
            f"install betterproto=={BETTERPROTO}"
        )
    for cls, (construct, read, write) in codec.items():
        _install(cls, construct, read, write)


def _install(cls: Any, construct: Any, read: Any, write: Any) -> None:
    # betterproto resolves all hints of a class for each of its fields, which is a third of the time of importing this.
    cls._type_hint = staticmethod(cls._type_hints().__getitem__)
    meta = cls._betterproto
    groups = meta.oneof_group_by_field
    optional = frozenset(name for name, field in meta.meta_by_field_name.items() if field.optional)

    def raw_get(self: Any, name: str) -> Any:
        return _fields(self).get(name, None if name in optional else PLACEHOLDER)

    def setattr_(self: Any, name: str, value: Any) -> None:
        d = _fields(self)
        group = groups.get(name)
        if group is not None:
            current = d.get("_group_current")
            if current is not None:
                if value is None and current[group] != name:
                    return
                d.pop(current[group], None)
            if value is None:
                d.pop("_group_current", None)
                return
            d["_group_current"] = {group: name}
        d[name] = value

    def default_of(self: Any, name: str) -> Any:
        value = meta.default_gen[name]()
        if isinstance(value, Message):
            _fields(value)["_serialized_on_wire"] = False
        return value

    def parse(self: Any, data: bytes) -> Any:
        """Merge the fields that `data` holds into this message; raises DecodeError."""
        merge(read, cls, bytes(data), self)
        return self

    def from_string(cls: Any, data: bytes) -> Any:
        """The message that `data` holds; raises DecodeError."""
        return merge(read, cls, bytes(data), None)

    def to_bytes(self: Any) -> bytes:
        return to_wire(write, self)

    def dump(self: Any, stream: Any, delimit: bool = False) -> None:
        data = to_wire(write, self)
        stream.write(unsigned(len(data)) + data if delimit else data)

    def load(self: Any, stream: Any, size: int | None = None) -> Any:
        if size == betterproto.SIZE_DELIMITED:
            size, _ = betterproto.load_varint(stream)
        return parse(self, stream.read() if size is None else stream.read(size))

    def length(self: Any) -> int:
        return len(to_wire(write, self))

    def shallow_copy(self: Any) -> Any:
        twin = object.__new__(cls)
        d = _fields(twin)
        d.update(_fields(self))
        return twin

    def deep_copy(self: Any, memo: Any = None) -> Any:
        twin = object.__new__(cls)
        _fields(twin).update({name: copy.deepcopy(value, memo) for name, value in _fields(self).items()})
        return twin

    construct.__name__, construct.__qualname__, construct.__module__ = "__init__", f"{cls.__name__}.__init__", __name__
    construct.__annotations__ = dict(cls.__init__.__annotations__)
    cls.__init__ = construct
    cls.__getattribute__ = object.__getattribute__
    cls.__setattr__ = setattr_ if groups else object.__setattr__
    cls._Message__raw_get = raw_get
    cls._get_field_default = default_of
    from_string.__name__, from_string.__qualname__ = "FromString", f"{cls.__name__}.FromString"
    cls.parse, cls.load, cls.FromString = parse, load, classmethod(from_string)
    cls.__bytes__ = cls.SerializeToString = to_bytes
    cls.__len__, cls.dump = length, dump
    cls.__copy__, cls.__deepcopy__ = shallow_copy, deep_copy
    cls._serialized_on_wire = True
    cls._unknown_fields = b""
    cls._group_current = dict.fromkeys(sorted(set(groups.values())))
    for name, field in meta.meta_by_field_name.items():
        if name in groups:
            setattr(cls, name, _NotSet(name, groups[name]))
        elif field.optional or field.wraps:
            setattr(cls, name, None)
        else:
            make = meta.default_gen[name]
            default = make()
            changeable = isinstance(default, Message | list | dict)
            setattr(cls, name, _Default(name, make) if changeable else default)


def merge(read: Any, cls: Any, data: bytes, message: Any) -> Any:
    """Run a generated reader over the whole of `data`; every way in which it can fail becomes DecodeError."""
    try:
        return read(data, 0, len(data), MAX_DEPTH, message)
    except (IndexError, struct.error):
        raise DecodeError(f"{cls.__name__}: cut short") from None
    except UnicodeDecodeError as error:
        raise DecodeError(f"{cls.__name__}: a string is not UTF-8 ({error.reason})") from None
    except DecodeError as error:
        raise DecodeError(f"{cls.__name__}: {error}") from None


def to_wire(write: Any, message: Any) -> bytes:
    """Run a generated writer; a value that does not fit its field becomes EncodeError naming the field."""
    try:
        data: bytes = write(message).encode("latin-1")
    except (AttributeError, TypeError, ValueError, LookupError, struct.error, RecursionError) as error:
        raise EncodeError(explain(message, error)) from error
    return data


_EXPECTED: dict[str, tuple[type, ...]] = {
    "string": (str,),
    "bytes": (bytes, bytearray, memoryview),
    "bool": (int,),
    "enum": (int,),
    "int32": (int,),
    "int64": (int,),
    "uint32": (int,),
}


#: How many characters of a text, which may be a whole payload, an error shows.
_SHOWN = 60


def explain(message: Any, error: Exception) -> str:
    """Where in `message` the value is that a writer failed on, and what was expected there. Slow."""
    if isinstance(error, RecursionError):
        return f"{type(message).__name__} is nested too deeply to be encoded"
    return _explain(message, type(message).__name__) or f"{type(message).__name__}: {error}"


def _explain(message: Any, path: str) -> str | None:
    meta = message._betterproto
    for name, value in _fields(message).items():
        field = meta.meta_by_field_name.get(name)
        if field is None or value is None:
            continue
        if field.proto_type == betterproto.TYPE_MAP:
            if not isinstance(value, dict) or not all(isinstance(x, str) for pair in value.items() for x in pair):
                return f"{path}.{name}: expected a dict of str to str, got {value!r}"
            for text in (each for pair in value.items() for each in pair):
                if found := _no_utf8(text):
                    return f"{path}.{name}: {found}"
            continue
        cls = meta.cls_by_field[name]
        expected = _EXPECTED.get(field.wraps or field.proto_type, (cls,))
        repeated = meta.default_gen[name] is list
        if repeated and not isinstance(value, list | tuple):
            return f"{path}.{name}: expected a list, got {value!r}"
        for index, item in enumerate(value if repeated else [value]):
            here = f"{path}.{name}[{index}]" if repeated else f"{path}.{name}"
            if not isinstance(item, expected):
                return f"{here}: expected {' or '.join(each.__name__ for each in expected)}, got {item!r}"
            if isinstance(item, Message):
                if found := _explain(item, here):
                    return found
            elif isinstance(item, str):
                if found := _no_utf8(item):
                    return f"{here}: {found}"
            elif found := _out_of_range(field.wraps or field.proto_type, item):
                return f"{here}: {found}"
    return None


def _no_utf8(text: str) -> str | None:
    try:
        text.encode()
    except UnicodeEncodeError as error:
        shown = text if len(text) <= _SHOWN else f"{text[max(error.start - _SHOWN, 0) : error.end]}..."
        return f"{shown!r} holds a lone surrogate and has no UTF-8"
    return None


def _out_of_range(kind: str, value: Any) -> str | None:
    bounds = {"int32": (-(1 << 31), 1 << 31), "enum": (-(1 << 31), 1 << 31), "uint32": (0, 1 << 32),
              "int64": (-(1 << 63), 1 << 63)}
    low, high = bounds.get(kind, (None, None))
    if low is None or high is None or low <= value < high:
        return None
    return f"expected a number from {low} to {high - 1}, got {value}"
