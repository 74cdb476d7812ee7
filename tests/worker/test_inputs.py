"""What functions make of an input, and of one that is not there."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import Annotated, Any, Literal, NewType, Optional, TypeVar

import pytest

from trio_durable import JsonConverter, PayloadError
from trio_durable._worker.hints import Hints
from trio_durable._worker.inputs import Input, admits_none

T = TypeVar("T")


@dataclass
class Order:
    id: int


Number = NewType("Number", int)
Maybe = Optional[int]  # noqa: UP045
Perhaps = NewType("Perhaps", Maybe)  # type: ignore[valid-newtype]


@pytest.mark.parametrize(
    "hint",
    [None, Any, object, type(None), int | None, Maybe, Annotated[Maybe, "n"], Literal[1, None], T, "Unknown", Perhaps],
)
def test_hints_that_admit_none(hint):
    assert admits_none(hint)


@pytest.mark.parametrize(
    "hint", [int, str, bool, list[int], dict, dict[str, int], Order, int | str, Annotated[int, "n"], Literal[1], Number]
)
def test_hints_that_do_not(hint):
    assert not admits_none(hint)


@pytest.mark.skipif(sys.version_info < (3, 12), reason="`type` statements are of Python 3.12")
def test_type_statements():
    made: dict[str, Any] = {}
    exec("type Maybe = int | None\ntype Number = int", made)
    assert admits_none(made["Maybe"])
    assert not admits_none(made["Number"])


def no_input(ctx):
    pass


def no_hint(ctx, value):
    pass


def required(ctx, value: int):
    pass


def with_default(ctx, value: int = 5):
    pass


def optional(ctx, value: int | None = 5):
    pass


@pytest.mark.parametrize(
    ("function", "payload", "expected"),
    [
        (no_input, None, ("ctx",)),
        (no_input, "1", ("ctx",)),
        (no_hint, None, ("ctx", None)),
        (required, "0", ("ctx", 0)),
        (with_default, None, ("ctx",)),
        (with_default, "0", ("ctx", 0)),
        (optional, None, ("ctx", None)),
        (print, "1", ("ctx", 1)),
    ],
)
def test_what_a_function_is_called_with(function, payload, expected):
    assert Input.of(function, Hints()).arguments("ctx", payload, JsonConverter(), "f") == expected


@pytest.mark.parametrize("payload", [None, "", '"text"', "null"])
def test_what_is_missing_or_wrong_is_named(payload):
    with pytest.raises(PayloadError, match="the input of f: expected int"):
        Input.of(required, Hints()).arguments("ctx", payload, JsonConverter(), "f")
