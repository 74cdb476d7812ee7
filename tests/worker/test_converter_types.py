"""Every type that a hint may be made of, in every combination: what goes out comes back as it was."""

from __future__ import annotations

import enum
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, date, datetime, time, timedelta, timezone
from decimal import Decimal
from typing import Annotated, Any, Literal, NamedTuple, NewType, NotRequired, TypedDict
from uuid import UUID

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel

from trio_durable import JsonConverter, PayloadError
from trio_durable._converter import decode, encode

CONVERTER = JsonConverter()
MARKER = "__durabletask_autoobject__"


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 0
    HIGH = 1


class Odd(enum.Enum):
    WORD = "word"
    NUMBER = 1
    PAIR = (1, 2)
    NOTHING = None


class Point(NamedTuple):
    x: int
    label: str | None = None


ORIGIN = Point(0)


class Size(TypedDict):
    width: int
    depth: NotRequired[Decimal]


class Model(BaseModel):
    count: int
    at: datetime | None = None


@dataclass
class Order:
    number: int
    lines: list[Line] = field(default_factory=list)
    due: date | None = None


@dataclass(frozen=True, slots=True)
class Line:
    text: str
    price: Decimal = Decimal(0)
    at: Point = ORIGIN


@dataclass
class Refusal:
    reason: str


@dataclass
class Decision:
    """Each of its fields is a union that msgspec has no rule for."""

    outcome: Order | Refusal
    when: datetime | str
    who: Model | Refusal | None = None
    kind: Odd = Odd.WORD


class Price:
    def __init__(self, amount: int) -> None:
        self.amount = amount

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Price) and other.amount == self.amount

    def __repr__(self) -> str:
        return f"Price({self.amount})"

    def to_json(self) -> object:
        return {"amount": self.amount}

    @classmethod
    def from_json(cls, value: dict[str, int]) -> Price:
        return cls(value["amount"])


Number = NewType("Number", int)

TEXT = st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
WHOLE = st.integers(-(2**63), 2**63 - 1)
MINUTES = st.integers(-1439, 1439).map(lambda n: timezone(timedelta(minutes=n)))
NAIVE = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1))
AWARE = st.datetimes(datetime(2, 1, 1), datetime(9998, 1, 1), timezones=MINUTES | st.just(UTC))
MONEY = st.decimals(allow_nan=False, allow_infinity=False)
POINTS = st.builds(Point, WHOLE, st.none() | TEXT)
LINES = st.builds(Line, TEXT, MONEY, POINTS)
ORDERS = st.builds(Order, WHOLE, st.lists(LINES, max_size=2), st.none() | st.dates())
MODELS = st.builds(Model, count=WHOLE, at=st.none() | AWARE)
REFUSALS = st.builds(Refusal, TEXT)

#: `Odd.NOTHING` and None are one in JSON, so where either may stand it cannot come back.
ODDS = st.sampled_from([Odd.WORD, Odd.NUMBER, Odd.PAIR])

#: (hint, its values), of what can be the key of a JSON object.
KEYS: list[tuple[Any, st.SearchStrategy[Any]]] = [
    (str, TEXT),
    (int, WHOLE),
    (UUID, st.uuids()),
    (Colour, st.sampled_from(Colour)),
    (date, st.dates()),
    (Literal["a", "b"], st.sampled_from("ab")),
]
#: The same of everything.
LEAVES: list[tuple[Any, st.SearchStrategy[Any]]] = [
    *KEYS,
    (None, st.none()),
    (bool, st.booleans()),
    (float, st.floats(allow_nan=False, allow_infinity=False)),
    (bytes, st.binary(max_size=5)),
    (Decimal, MONEY),
    (datetime, NAIVE),
    (datetime, AWARE),
    (time, st.times()),
    (timedelta, st.timedeltas(timedelta(days=-9999), timedelta(days=9999))),
    (Level, st.sampled_from(Level)),
    (Literal[1, "a", None], st.sampled_from([1, "a", None])),
    (Number, WHOLE),
    (Annotated[int, "of things"], WHOLE),
    (Point, POINTS),
    (Size, st.fixed_dictionaries({"width": WHOLE}, optional={"depth": MONEY})),
    (Line, LINES),
    (Order, ORDERS),
    (Model, MODELS),
    (Price, st.builds(Price, WHOLE)),
    (Odd, ODDS),
    (Order | Refusal, ORDERS | REFUSALS),
    (Model | Refusal | None, MODELS | REFUSALS | st.none()),
    (UUID | int | None, st.uuids() | WHOLE | st.none()),
    (Decision, st.builds(Decision, ORDERS | REFUSALS, AWARE, MODELS | REFUSALS | st.none(), ODDS)),
]


def around(inner: st.SearchStrategy[tuple[Any, Any]]) -> st.SearchStrategy[tuple[Any, Any]]:
    """A hint around another one, and a value."""

    def several(pair: tuple[Any, Any]) -> st.SearchStrategy[tuple[Any, Any]]:
        hint, value = pair
        return st.sampled_from(
            [
                (list[hint], []),
                (list[hint], [value, value]),
                (Sequence[hint], [value]),
                (tuple[hint, ...], (value, value)),
                (tuple[int, hint], (0, value)),
                (dict[str, hint], {"": value, "k": value}),
                (Mapping[str, hint], {"k": value}),
                (hint | None if hint is not None else None, value),
                (list[hint | None] if hint is not None else list[None], [value, None]),
            ]
        )

    return inner.flatmap(several)


LEAF = st.sampled_from(LEAVES).flatmap(lambda pair: st.tuples(st.just(pair[0]), pair[1]))
TYPED = LEAF | around(LEAF) | around(around(LEAF))


def same(one: object, other: object) -> None:
    assert one == other
    assert type(one) is type(other)


@settings(max_examples=300)
@given(TYPED)
def test_what_goes_out_comes_back_as_it_was(typed):
    hint, value = typed
    back = decode(CONVERTER, encode(CONVERTER, value), hint)
    same(back, value)
    if isinstance(value, datetime):
        assert back.utcoffset() == value.utcoffset()


def marked(plain: object) -> object:
    """As earlier SDKs wrote objects: with a field of their own in each."""
    if isinstance(plain, list):
        return [marked(each) for each in plain]
    if isinstance(plain, dict):
        return {MARKER: True, **{name: marked(each) for name, each in plain.items()}}
    return plain


@settings(max_examples=150)
@given(TYPED)
def test_payloads_with_the_old_markers_are_read_as_the_same(typed):
    hint, value = typed
    payload = encode(CONVERTER, value)
    if payload is not None:
        old = msgspec.json.encode(marked(msgspec.json.decode(payload))).decode()
        same(decode(CONVERTER, old, hint), value)


@pytest.mark.parametrize(
    ("payload", "hint", "value"),
    [
        (f'{{"{MARKER}":true,"x":1,"label":"a"}}', Point, Point(1, "a")),
        (f'[{{"{MARKER}":true,"x":1}}]', list[Point], [Point(1)]),
        (f'{{"a":{{"{MARKER}":true,"x":1}}}}', dict[str, Point | None], {"a": Point(1)}),
        (f'{{"{MARKER}":true,"text":"t","at":{{"{MARKER}":true,"x":1}}}}', Line, Line("t", at=Point(1))),
    ],
)
def test_the_named_tuples_of_earlier_sdks_are_objects_wherever_they_stand(payload, hint, value):
    same(decode(CONVERTER, payload, hint), value)


@given(st.sampled_from(KEYS), st.data())
def test_keys_come_back(key, data):
    hint, values = key
    value = data.draw(st.dictionaries(values, ORDERS, max_size=3))
    assert decode(CONVERTER, encode(CONVERTER, value), dict[hint, Order]) == value


@given(st.sets(WHOLE), st.frozensets(st.uuids()))
def test_sets_come_back(numbers, ids):
    assert decode(CONVERTER, encode(CONVERTER, numbers), set[int]) == numbers
    assert decode(CONVERTER, encode(CONVERTER, ids), frozenset[UUID]) == ids


@dataclass
class Small:
    number: int


@pytest.mark.parametrize(
    ("hint", "payload", "value"),
    [
        # The member that leaves nothing out comes before the first.
        (Small | Order, '{"number":1,"lines":[],"due":null}', Order(1)),
        (Small | Order, '{"number":1}', Small(1)),
        (Order | Small, '{"number":1}', Small(1)),
        (Order | Small, '{"number":1,"other":2}', Order(1)),
        # A string is a string only if it is nothing else.
        (datetime | str, '"2030-01-01T00:00:00Z"', datetime(2030, 1, 1, tzinfo=UTC)),
        (str | datetime, '"2030-01-01T00:00:00Z"', datetime(2030, 1, 1, tzinfo=UTC)),
        (datetime | str, '"tomorrow"', "tomorrow"),
        (list[Order | Refusal], '[{"reason":"no"},{"number":1}]', [Refusal("no"), Order(1)]),
        (Order | list[int] | list[str], '["a"]', ["a"]),
        (Odd | bool, "true", True),
        (Odd | bool, "1", Odd.NUMBER),
        (Odd, "null", Odd.NOTHING),
        (Odd | None, "null", None),
        (list[Odd] | None, "null", None),
    ],
)
def test_which_member_of_a_union_it_is(hint, payload, value):
    same(decode(CONVERTER, payload, hint), value)


@pytest.mark.parametrize(
    ("hint", "payload", "words"),
    [
        (Order | Refusal, '{"what":1}', "Expected one of Order, Refusal"),
        (datetime | str, "5", "Expected one of datetime, str"),
        (Odd, '"other"', "Invalid enum value 'other'"),
        (Decision, '{"outcome":{"reason":""}}', "missing 1 required positional argument: 'when'"),
        (tuple[Odd, Odd], "[1]", "length 2, got 1"),
        (dict[str, Odd], "[1]", "Expected `object`"),
        (list[Odd], "{}", "Expected `array`"),
    ],
)
def test_what_fits_no_member_says_so(hint, payload, words):
    with pytest.raises(PayloadError, match=words):
        decode(CONVERTER, payload, hint)


class Name(str):
    def __str__(self) -> str:
        return "not this"


class Count(int): ...


class Share(float): ...


def test_classes_below_plain_ones_are_written_as_those():
    assert encode(CONVERTER, [Name("a"), Count(3), Share(0.5), {Name("k"): 1}]) == '["a",3,0.5,{"k":1}]'
    with pytest.raises(PayloadError, match=r"JSON has no nan"):
        encode(CONVERTER, [Share("nan")])


@dataclass
class Nest:
    inner: Nest | Refusal


def test_a_payload_that_nests_deeper_than_can_be_followed_is_refused():
    payload = '{"inner":' * 900 + '{"reason":""}' + "}" * 900
    with pytest.raises(PayloadError):
        decode(CONVERTER, payload, Nest)
