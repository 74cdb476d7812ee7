"""Values <-> payloads."""

from __future__ import annotations

import enum
import math
import uuid
from dataclasses import dataclass
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any, Literal, NamedTuple, TypedDict

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trio_durable import PayloadError
from trio_durable._converter import JsonConverter, decode, encode

CONVERTER = JsonConverter()
JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-(2**63), 2**63 - 1)
    | st.floats(allow_nan=False, allow_infinity=False)
    | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    max_leaves=20,
)


class Colour(enum.Enum):
    RED = "red"


@dataclass
class Item:
    name: str
    count: int = 0


class Point(NamedTuple):
    x: int
    y: int


class Box(TypedDict):
    items: list[Item]


@given(JSON)
def test_plain_values_come_back(value):
    assert decode(CONVERTER, encode(CONVERTER, value)) == value


@pytest.mark.parametrize("value", [0, "", False, [], {}, 0.0])
def test_falsy_values_are_values(value):
    """Seed defect 12."""
    payload = encode(CONVERTER, value)
    assert payload is not None
    back = decode(CONVERTER, payload)
    assert back == value
    assert type(back) is type(value)


def test_none_is_the_absent_payload():
    assert encode(CONVERTER, None) is None
    assert decode(CONVERTER, None) is None
    assert decode(CONVERTER, "null") is None


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        (Item("a", 2), Item),
        ([Item("a"), Item("b")], list[Item]),
        (Point(1, 2), Point),
        ({"items": [Item("a")]}, Box),
        (Colour.RED, Colour),
        (datetime(2030, 1, 1, tzinfo=UTC), datetime),
        (uuid.UUID(int=7), uuid.UUID),
        (Decimal("1.10"), Decimal),
        (b"\x00\xff", bytes),
        ("on", Literal["on", "off"]),
        (None, Item | None),
        ((1, "a"), tuple[int, str]),
        ({1, 2}, set[int]),
        ({"k": Item("v")}, dict[str, Item]),
        (5, Any),
    ],
)
def test_hints_bring_types_back(value, hint):
    assert decode(CONVERTER, encode(CONVERTER, value), hint) == value


def test_an_unserialisable_value_is_named():
    with pytest.raises(PayloadError, match=r"object.*JSON"):
        encode(CONVERTER, object())
    with pytest.raises(PayloadError):
        encode(CONVERTER, {"deep": [lambda: None]})


@pytest.mark.parametrize("text", ["{", "nul", '"open', "[1,]", "\x00", "[" * 100_000])
def test_malformed_json_is_one_clear_error(text):
    with pytest.raises(PayloadError, match="not valid JSON"):
        decode(CONVERTER, text)


def test_a_wrong_type_says_expected_and_got():
    with pytest.raises(PayloadError, match=r"expected Item: .*`name`.*got"):
        decode(CONVERTER, '{"nome": 1}', Item)


def test_a_type_that_json_cannot_become_says_so():
    class Bare:
        pass

    with pytest.raises(PayloadError, match=r"no rule for making a .*Bare"):
        decode(CONVERTER, '{"a":1}', Bare)
    assert decode(CONVERTER, '{"a":1}', object) == {"a": 1}


@pytest.mark.parametrize("number", [math.nan, math.inf, -math.inf])
@pytest.mark.parametrize("around", [lambda x: x, lambda x: [None, x], lambda x: {"a": {"b": x}}, lambda x: Holder(x)])
def test_what_json_has_no_word_for_is_refused_and_not_changed(number, around):
    with pytest.raises(PayloadError, match=r"JSON has no -?(nan|inf)"):
        encode(CONVERTER, around(number))


@dataclass
class Holder:
    value: float | None


def test_none_beside_numbers_is_no_mistake():
    assert encode(CONVERTER, [None, 1.5, Holder(None), "NaN", "null"]) == '[null,1.5,{"value":null},"NaN","null"]'


@pytest.mark.parametrize(
    ("value", "hint"),
    [
        ({1: "a"}, dict[int, str]),
        ({1.5: "a"}, dict[float, str]),
        ({Colour.RED: 1}, dict[Colour, int]),
        ({uuid.UUID(int=1): 1}, dict[uuid.UUID, int]),
        ({datetime(2030, 1, 1, tzinfo=UTC): 1}, dict[datetime, int]),
        ({"1": "a"}, dict[str, str]),
    ],
)
def test_keys_that_are_no_text_come_back_as_what_they_were(value, hint):
    assert decode(CONVERTER, encode(CONVERTER, value), hint) == value


def test_what_was_not_awaited_is_named():
    class Future:
        def __await__(self):
            yield

    with pytest.raises(PayloadError, match="not awaited; put `await`"):
        encode(CONVERTER, {"price": Future()})
