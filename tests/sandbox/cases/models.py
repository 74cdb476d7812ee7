"""Models of libraries that are passed through."""
from __future__ import annotations

import datetime as dt
import enum
import uuid

import attrs
import msgspec


class Kind(enum.Enum):
    A = "a"


class Item(msgspec.Struct):
    name: str
    at: dt.datetime
    kind: Kind = Kind.A
    id: uuid.UUID = msgspec.field(default_factory=uuid.uuid4)


class Basket(msgspec.Struct):
    items: list[Item]


@attrs.define
class Person:
    name: str
    age: int = attrs.field(default=3, validator=attrs.validators.instance_of(int))
    tags: list[str] = attrs.field(factory=list)


def case_msgspec():  # works
    basket = Basket([Item("x", dt.datetime(2024, 1, 1))])
    back = msgspec.json.decode(msgspec.json.encode(basket), type=Basket)
    assert back == basket and type(back.items[0]) is Item and type(back.items[0].kind) is Kind
    return back


def case_msgspec_convert():  # works
    return msgspec.convert({"items": [{"name": "n", "at": "2024-01-01T00:00:00"}]}, Basket)


def case_msgspec_invalid():  # works
    try:
        msgspec.json.decode(b'{"items": [{"name": 1}]}', type=Basket)
    except msgspec.ValidationError as e:
        return str(e)


def case_attrs():  # works
    return attrs.evolve(Person("a"), age=4), attrs.asdict(Person("b"))


def case_classes_made_by_libraries():  # works
    import collections, dataclasses, enum, types
    made = [dataclasses.make_dataclass("Made", [("x", int)]), types.new_class("New"), type("Typed", (), {}),
            collections.namedtuple("Named", "x"), enum.Enum("Numbered", "A")]
    for kind in made:
        kind.extra = 1
    made[0].method = lambda self: self.x
    return [kind.extra for kind in made], made[0](3).method()


WORDS = {"pear", "apple", "fig", "plum"}


class Tagged(msgspec.Struct, frozen=True):
    name: str
    tags: frozenset[str] = frozenset()
    more: tuple["Tagged", ...] = ()


@attrs.frozen
class Point:
    x: int
    y: int = attrs.field(eq=False, default=0)


def case_msgspec_sets():  # works
    made = Tagged("a", frozenset(WORDS), (Tagged("b", frozenset(WORDS)),))
    encoder = msgspec.json.Encoder()
    return msgspec.json.encode(made), msgspec.to_builtins({"x": made, "y": [WORDS]}), encoder.encode(made), msgspec.msgpack.encode(made)


def case_sets_of_models():  # works
    points = {Point(3, 1), Point(1, 2), Point(2, 3)}
    tagged = {Tagged("c"), Tagged("a"), Tagged("b")}
    return list(points), [each.name for each in tagged], repr(points), f"{tagged}", str(Tagged("d", frozenset(WORDS)))


@attrs.frozen
class Own:
    x: str

    def __hash__(self):
        return 7


def case_hash_of_models():  # works
    assert hash(Tagged("a")) == hash(Tagged("a")) != hash(Tagged("b")) and hash(Own("a")) == 7
    assert hash(Point(1, 2)) == hash(Point(1, 3)) and {Tagged("a"): 1}[Tagged("a")] == 1
    return hash(Tagged("a")), hash(Point(1, 2)), hash((Point(1, 2), "x"))
