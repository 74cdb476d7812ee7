"""pydantic models work inside, and their defaults are deterministic."""
from __future__ import annotations

import datetime as dt
import enum
import uuid

import pydantic


class Kind(enum.Enum):
    A = "a"


class Item(pydantic.BaseModel):
    name: str
    kind: Kind = Kind.A
    at: dt.datetime = pydantic.Field(default_factory=dt.datetime.now)
    id: uuid.UUID = pydantic.Field(default_factory=uuid.uuid4)


class Basket(pydantic.BaseModel):
    items: list[Item]
    parent: Basket | None = None

    @pydantic.field_validator("items")
    @classmethod
    def not_empty(cls, value):
        if not value:
            raise ValueError("empty")
        return value


def case_pydantic():  # works
    basket = Basket(items=[Item(name="x")], parent=Basket(items=[{"name": "y", "kind": "a"}]))
    back = Basket.model_validate_json(basket.model_dump_json())
    assert back == basket and type(back.items[0]) is Item and type(back.parent.items[0].kind) is Kind
    return back


def case_pydantic_invalid():  # works
    try:
        Basket(items=[])
    except pydantic.ValidationError as e:
        return e.error_count()


def case_pydantic_dataclass():  # works
    @pydantic.dataclasses.dataclass
    class D:
        x: int
    return D("3").x, pydantic.TypeAdapter(list[int]).validate_python(["1"])


class Tagged(pydantic.BaseModel):
    tags: set[str] = set()
    parts: list["Tagged"] = []
    by: dict[str, frozenset[int]] = {}


def case_json_of_sets():  # works
    words = {"pear", "apple", "fig", "plum"}
    made = Tagged(tags=words, parts=[Tagged(tags=words)], by={"x": frozenset({300, 5, 70})})
    assert type(made.tags) is set and made.model_dump() == Tagged(**made.model_dump()).model_dump()
    return made.model_dump_json(), made.model_dump(mode="json"), repr(made), pydantic.TypeAdapter(set[str]).dump_json(words)


class Frozen(pydantic.BaseModel, frozen=True):
    name: str


def case_hash_of_models():  # works
    assert len({Frozen(name="a"), Frozen(name="a")}) == 1
    return hash(Frozen(name="a")), [each.name for each in {Frozen(name="b"), Frozen(name="a"), Frozen(name="c")}]
