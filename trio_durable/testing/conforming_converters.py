"""`check_converter`: values there and back, and what must be refused."""

from __future__ import annotations

import json
from collections.abc import Iterable
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

from trio_durable import _converter
from trio_durable._errors import PayloadError
from trio_durable.testing.conformance import ConformanceError, expect, named, shortened

__all__ = ["check_converter"]

#: What every converter must bring through unchanged.
PLAIN: tuple[Any, ...] = (
    0, 1, -1, 2**53 + 1, -(2**62), 1.5, 0.1 + 0.2, 1e300, "", "text", "ü\n\x00😀", "null", "2024-01-01T00:00:00Z",
    "x" * 100_000, False, True, [], [1, [2, []]], {}, {"a": {"b": [None, 0, ""]}}, {"absent": None},
    [[[[[[[[[[[[[[[[["deep"]]]]]]]]]]]]]]]]],
)  # fmt: skip


def _check_json(text: str) -> None:
    def refuse(word: str) -> None:
        raise ValueError(f"JSON has no {word}")

    try:
        json.loads(text, parse_constant=refuse)
    except ValueError as error:
        raise ConformanceError(f"to_json gives what is no JSON: {error}; got {text[:80]!r}") from None


@dataclass
class _Point:
    x: int
    y: list[str]


def check_converter(converter: Any, values: Iterable[Any] = ()) -> None:
    """Hold a converter to `trio_durable.abc.Converter`.

    values: more values of yours that must come back equal, decoded to their own types.
    """
    for value in PLAIN:
        with named(f"{shortened(value)} through to_json and from_json"):
            text = converter.to_json(value)
            expect("to_json gives", str, type(text))
            _check_json(text)
            again = converter.from_json(converter.to_json(value))
            expect("a second time it comes back as", (type(value), value), (type(again), again))
            back = converter.from_json(text)
            expect("it comes back as", (type(value), value), (type(back), back))
    own: list[Any] = [_Point(1, ["a"]), *values]
    for value in own:
        with named(f"{value!r} decoded to its own type"):
            back = converter.from_json(converter.to_json(value), type(value))
            expect("it comes back as", value, back)
    typed: list[tuple[Any, Any]] = [
        ([_Point(1, [])], list[_Point]), (_Point(2, []), _Point | None), ({"a": 1}, dict[str, int]),
    ]  # fmt: skip
    for value, hint in typed:
        with named(f"{value!r} decoded as {hint}"):
            expect("it comes back as", value, converter.from_json(converter.to_json(value), hint))
    with named("a value that was changed after it was decoded"):
        text = converter.to_json([1])
        converter.from_json(text).append(2)
        expect("the same text gives", [1], converter.from_json(text))
    for number in (float("nan"), float("inf")):
        with named(f"to_json({number!r}), for which JSON has no word"), suppress(PayloadError):
            _check_json(converter.to_json(number))
    with named("None inside of a payload"):
        expect("it comes back as", [None], converter.from_json(converter.to_json([None])))
    expect("an absent payload is None", None, _converter.decode(converter, _converter.encode(converter, None)))
    for text, wanted in (("{", None), ("", None), ('{"x": "no"}', _Point)):
        with named(f"from_json({text!r}, {wanted})"):
            try:
                got = converter.from_json(text, wanted)
            except PayloadError:
                continue
            raise ConformanceError(f"expected PayloadError, got the value {got!r}")
    with named("to_json of what JSON cannot hold"):
        try:
            text = converter.to_json(object())
        except PayloadError:
            return
        raise ConformanceError(f"expected PayloadError for an object(), got {text!r}")
