"""`hash()` of orchestrations: the same in every process, for what is a value.

Dictionaries and sets ask for hashes as well, from C, and get the interpreter's for text. A `__hash__` of the user's
must agree with that, or `{Name("a"): 1}["a"]` finds nothing: so in such a method `hash` is the interpreter's, unless
the method is called because the orchestration itself asked for the number.
"""

from __future__ import annotations

import dataclasses
import datetime as _datetime
import decimal
import enum
import threading
from types import FunctionType
from typing import Any

from ._order import compared
from ._remedies import REMEDIES
from ._state import is_users, refuse
from ._values import stable_hash

_NUMBERS = (int, bool, float)
_NAN = 0x7DB1A6
"""The interpreter gives each NaN the hash of its address."""


class _Asked(threading.local):
    depth = 0


_asked = _Asked()


def hash_(obj: Any, /) -> int:
    """The builtin's answer for numbers and for classes with a `__hash__`; a stable one for text and time."""
    if type(obj) in _NUMBERS:
        return hash(obj) if obj == obj else _NAN
    method: Any = type(obj).__hash__
    if obj is None:
        return 0x7DB1A5
    if method is str.__hash__:
        return stable_hash("str", str.encode(obj, "utf-8", "surrogatepass"))
    if method is bytes.__hash__:
        return stable_hash("bytes", bytes(obj))
    if method is tuple.__hash__:
        return stable_hash("tuple", repr([hash_(item) for item in tuple.__iter__(obj)]).encode())
    if method is frozenset.__hash__:
        return stable_hash("frozenset", repr(sorted(hash_(item) for item in obj)).encode())
    if method is enum.Enum.__hash__:
        return hash_(obj._name_)
    if obj.is_qnan() if isinstance(obj, decimal.Decimal) else isinstance(obj, float | complex) and obj != obj:
        return _NAN
    if isinstance(obj, _datetime.datetime) and obj.utcoffset() is not None:
        return stable_hash("datetime", obj.astimezone(_datetime.UTC).isoformat().encode())
    if isinstance(obj, _datetime.date | _datetime.time):
        return stable_hash(type(obj).__name__, obj.isoformat().encode())
    if isinstance(obj, type):
        return stable_hash("type", f"{obj.__module__}.{obj.__qualname__}".encode())
    names = compared(obj) if method is not object.__hash__ and not dataclasses.is_dataclass(obj) else None
    if names is not None and not is_users(method):  # attrs, msgspec, pydantic: made by the library, out of all fields
        fields = [hash_(getattr(obj, name)) for name in names]
        return stable_hash("object", repr((type(obj).__qualname__, fields)).encode())
    if isinstance(method, FunctionType):
        _asked.depth += 1
        try:
            return hash(obj)
        finally:
            _asked.depth -= 1
    if method is object.__hash__:
        return refuse("hash of an object without a __hash__ of its own", REMEDIES["identity"], hash, obj)  # type: ignore[no-any-return]
    return hash(obj)


def hash_within(obj: Any, /) -> int:
    """`hash(...)` in a `__hash__` method."""
    return hash_(obj) if _asked.depth else hash(obj)
