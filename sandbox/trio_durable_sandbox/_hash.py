"""`hash()` of orchestrations: the same in every process, for what is a value."""

from __future__ import annotations

import datetime as _datetime
import enum
from typing import Any

from ._policy import REMEDIES
from ._state import refuse
from ._values import stable_hash


def hash_(obj: Any, /) -> int:
    """The builtin's answer for numbers and for classes with a `__hash__`; a stable one for text and time."""
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
    if isinstance(obj, _datetime.datetime) and obj.utcoffset() is not None:
        return stable_hash("datetime", obj.astimezone(_datetime.UTC).isoformat().encode())
    if isinstance(obj, _datetime.date | _datetime.time):
        return stable_hash(type(obj).__name__, obj.isoformat().encode())
    if method is object.__hash__ or isinstance(obj, type):
        return refuse("hash of an object without a __hash__ of its own", REMEDIES["identity"], hash, obj)  # type: ignore[no-any-return]
    return hash(obj)
