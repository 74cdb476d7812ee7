"""Values of every kind, through every hand: client, orchestration, activity and back."""

from __future__ import annotations

import enum
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from decimal import Decimal
from typing import Literal, NamedTuple, TypedDict
from uuid import UUID


class Colour(enum.Enum):
    RED = "red"


class Point(NamedTuple):
    x: int
    y: int


class Box(TypedDict):
    size: int


class Price:
    """A class of the user's own, with a JSON form of its own."""

    def __init__(self, amount: int) -> None:
        self.amount = amount

    def __eq__(self, other: object) -> bool:
        return isinstance(other, Price) and other.amount == self.amount

    def to_json(self) -> object:
        return {"amount": self.amount}

    @classmethod
    def from_json(cls, value: dict[str, int]) -> Price:
        return cls(value["amount"])


@dataclass
class Everything:
    colour: Colour
    point: Point
    box: Box
    at: datetime
    lasting: timedelta
    id: UUID
    price: Decimal
    own: Price
    raw: bytes
    kind: Literal["a", "b"]
    either: int | str
    missing: int | None = None
    falsy: list[object] = field(default_factory=lambda: [0, "", False, [], {}, None])


def check(value: object) -> None:
    assert type(value).__name__ == "Everything"
    assert value.colour.name == "RED"
    assert value.point.x == 1
    assert value.own.amount == 5
    assert value.raw == b"\x00\xff"
    assert value.falsy == [0, "", False, [], {}, None]


def passes(ctx, value: Everything) -> Everything:
    check(value)
    return value


async def hands_on(ctx, value: Everything) -> Everything:
    check(value)
    result = await ctx.call_activity(passes, input=value)
    assert result == value
    assert type(result) is type(value)
    return result


def hands_on_generator(ctx, value: Everything):
    result = yield ctx.call_activity(passes, input=value)
    assert result == value
    return result


def old_objects(ctx, value):
    return [value["name"], value["inner"]["count"]]  # sent on without marks


async def reads_old_objects(ctx, value):
    assert value.name == "tea"
    return await ctx.call_activity(old_objects, input=value)


@dataclass
class Receipt:
    number: int
    at: datetime | str


@dataclass
class Refusal:
    reason: str


def decide(ctx, price: int) -> Receipt | Refusal:
    return Receipt(price, "today") if price < 100 else Refusal("too dear")


async def asks_for_a_decision(ctx, price: int) -> list[Receipt | Refusal]:
    decision = await ctx.call_activity(decide, input=price)
    assert type(decision) is (Receipt if price < 100 else Refusal)
    return [decision]


def asks_for_a_decision_generator(ctx, price: int):
    decision = yield ctx.call_activity(decide, input=price)
    assert type(decision) is (Receipt if price < 100 else Refusal)
    return [decision]
