"""Puts the generated codec into betterproto's classes: ours only, and only for the betterproto it was written against.

betterproto 2.0.0b7 looks up metadata on every attribute access and every construction, which costs some hundred times
what the C core needs. Each of our classes gets, in place of what it inherits:

- the generated constructor (`None` for a field means that it is not set);
- plain attribute access: fields that are set live in the instance's `__dict__`, and what stands in the class answers for
  the others. That is the default itself where it cannot be changed (0, "", None), otherwise a descriptor which makes
  one and stores it, so that `request.new_events.append(...)` and `item.workflow_request.instance_id = ...` work;
- `__setattr__` that keeps track of oneofs, and nothing more;
- `parse`, `FromString`, `__bytes__`, `SerializeToString`, `__len__` and `dump` by the generated codec.

Two things differ from betterproto on purpose, because peers tell them apart on the wire. A message that was given or
assigned is present, even if it is empty: `HistoryEvent(timestamp=Timestamp())` is an event at the epoch. And `None` for a
member of a oneof clears the oneof. Everything else (`which_one_of`, `is_set`, `to_dict`, `from_dict`, `==`, `repr`) is
betterproto's own code and works on; copies keep unknown fields.
"""

from __future__ import annotations

import copy
import io
import struct
from collections.abc import Callable
from typing import Any

import betterproto
from betterproto import PLACEHOLDER, Message

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
    if betterproto.__version__ != BETTERPROTO:
        raise ImportError(
            f"trio_durable_proto was written against betterproto {BETTERPROTO} and found {betterproto.__version__}: "
            f"install betterproto=={BETTERPROTO}"
        )
    for cls, (construct, read, write) in codec.items():
        _install(cls, construct, read, write)


def _install(cls: Any, construct: Any, read: Any, write: Any) -> None:
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

    construct.__qualname__, construct.__name__, construct.__module__ = f"{cls.__name__}.__init__", "__init__", cls.__module__
    construct.__annotations__ = dict(cls.__init__.__annotations__)
    cls.__init__ = construct
    cls.__getattribute__ = object.__getattribute__
    cls.__setattr__ = setattr_ if groups else object.__setattr__
    cls._Message__raw_get = raw_get
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
        data: bytes = write(message)
        return data
    except (AttributeError, TypeError, ValueError, OverflowError, RecursionError) as error:
        raise EncodeError(explain(message, error)) from error


def explain(message: Any, error: Exception) -> str:
    """Where in `message` the value is that a writer failed on. Slow, and only run for the error message."""
    if isinstance(error, RecursionError):
        return f"{type(message).__name__} is nested too deeply to be encoded"
    return f"{type(message).__name__}: {error}"


def delimited(message: Any) -> bytes:
    """`message` with its size in front."""
    out = io.BytesIO()
    message.dump(out, True)
    return out.getvalue()
