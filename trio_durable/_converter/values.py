"""Values <-> JSON payloads.

Plain JSON on the wire, no marker fields: what an activity in another language sees is what it would have written
itself.  Decoding is directed by type hints and done by msgspec, which knows dataclasses, NamedTuple, TypedDict, enums,
datetime, UUID, Decimal, bytes (base64), Literal and unions; pydantic models, where pydantic is installed; and classes
that have a method `to_json(self)` which gives plain values and a class method `from_json(cls, value)` which takes them.
For unions that JSON alone does not tell apart, and other hints that msgspec refuses, `apart` has the rules.  Without a
hint a payload decodes to what JSON holds: dict, list, str, int, float, bool, None.  What JSON has no word for, NaN and
the infinities among it, is refused, never changed.

Earlier Python SDKs marked objects with a field of their own.  Such payloads are still read: to the type that is asked
for, or, as those SDKs did, to a SimpleNamespace.  None are written.
"""

from __future__ import annotations

import math
from types import SimpleNamespace
from typing import Any

import msgspec

from trio_durable._converter.apart import convert
from trio_durable._errors import PayloadError
from trio_durable.abc import Converter

__all__ = ["JsonConverter", "decode", "encode"]

#: The field by which earlier SDKs marked what was an object.
_MARKER = "__durabletask_autoobject__"

#: How much of an offending payload an error message shows.
_SHOWN = 120


class JsonConverter:
    """The default `trio_durable.abc.Converter`."""

    def to_json(self, value: object) -> str:
        """`value` as JSON text; raises PayloadError naming the type that JSON cannot hold."""
        try:
            encoded = msgspec.json.encode(value, enc_hook=_encode_other)
            if b"null" in encoded:  # which is also what becomes of a number that JSON cannot write
                _refuse_non_finite(msgspec.to_builtins(value, enc_hook=_encode_other))
            return encoded.decode()
        except (TypeError, ValueError, OverflowError, RecursionError) as error:
            raise PayloadError(
                f"a value of type {type(value).__name__} cannot be turned into JSON: {error}. Pass plain values, "
                "dataclasses, or give the worker and the client a converter of your own."
            ) from error

    def from_json(self, text: str, wanted: Any = None) -> Any:
        """The value in `text`, as a `wanted` if a type is given; raises PayloadError with what was expected and
        found.
        """
        try:
            value = msgspec.json.decode(text)
        except (msgspec.DecodeError, RecursionError) as error:
            raise PayloadError(f"not valid JSON: {error}; got {_shorten(text)}") from error
        typed = not (wanted is None or wanted is Any or wanted is object)
        marked = _MARKER in text
        if marked:
            value = _unmark(value, keep_objects=not typed)
        if not typed:
            return value
        try:
            return convert(value, wanted, _to_type, _to_plain, lenient=marked)
        except (msgspec.ValidationError, RecursionError) as error:
            raise PayloadError(f"expected {_type_name(wanted)}: {error}; got {_shorten(text)}") from error
        except TypeError as error:
            raise PayloadError(
                f"{_type_name(wanted)} is not a type that JSON can be decoded to: {error}. Annotate with a dataclass "
                "or another plain type, or give the worker and the client a converter of your own."
            ) from error


def _to_type(value: object, wanted: Any) -> Any:
    return msgspec.convert(value, wanted, dec_hook=_decode_other, str_keys=True)


def _to_plain(value: object) -> object:
    return msgspec.json.decode(msgspec.json.encode(value, enc_hook=_encode_other))


def encode(converter: Converter, value: object) -> str | None:
    """The payload of `value`: None is the absent payload, everything else (0, "", False, [] too) is JSON text."""
    return None if value is None else converter.to_json(value)


def decode(converter: Converter, payload: str | None, wanted: Any = None) -> Any:
    """The value of `payload`.  An absent or empty one is None, which is how peers write "no value"."""
    return None if not payload else converter.from_json(payload, wanted)


def _refuse_non_finite(plain: object) -> None:
    """Raise ValueError if there is a NaN or an infinity in `plain`, which JSON has no word for."""
    ahead = [plain]
    while ahead:
        each = ahead.pop()
        if isinstance(each, float):
            if not math.isfinite(each):
                raise ValueError(f"JSON has no {each}")
        elif isinstance(each, dict):
            ahead.extend(each.values())
        elif isinstance(each, list | tuple | set | frozenset):
            ahead.extend(each)


def _encode_other(value: object) -> object:
    if hasattr(value, "__await__"):
        raise TypeError("it was not awaited; put `await` (in a generator `yield`) before it")
    if isinstance(value, SimpleNamespace):
        return vars(value)
    # A class of the user's own below one of these is written as it.
    if isinstance(value, str):
        return str.__str__(value)
    if isinstance(value, float):
        return float.__float__(value)
    if isinstance(value, int) and not isinstance(value, bool):  # a bool comes here as the key of a dict only
        return int.__int__(value)
    dump = getattr(value, "model_dump", None)
    if callable(dump):  # pydantic, which need not be installed
        return dump(mode="json")
    own = getattr(value, "to_json", None)
    if callable(own):
        return own()
    raise TypeError(f"{type(value).__module__}.{type(value).__qualname__} has no JSON form")


def _decode_other(wanted: type, value: object) -> object:
    if wanted is object:
        return value
    validate = getattr(wanted, "model_validate", None)
    if callable(validate):
        return validate(value)
    own = getattr(wanted, "from_json", None)
    if callable(own):
        return own(value)
    raise TypeError(
        f"there is no rule for making a {_type_name(wanted)} from JSON (a dataclass would have one; a converter of "
        "your own could)"
    )


def _unmark(value: Any, *, keep_objects: bool) -> Any:
    """`value` without markers; what was marked as a SimpleNamespace, or as a plain dict."""
    if isinstance(value, list):
        return [_unmark(each, keep_objects=keep_objects) for each in value]
    if not isinstance(value, dict):
        return value
    plain = {name: _unmark(each, keep_objects=keep_objects) for name, each in value.items()}
    marked = plain.pop(_MARKER, False)
    return SimpleNamespace(**plain) if marked and keep_objects else plain


def _type_name(wanted: Any) -> str:
    return wanted.__qualname__ if isinstance(wanted, type) else str(wanted)


def _shorten(text: str) -> str:
    return repr(text if len(text) <= _SHOWN else text[:_SHOWN] + "...")
