"""The order of sets and the text of values, as rules: nothing depends on how a set came to be."""

from __future__ import annotations

import copy
import datetime
import decimal
import enum
import functools
import pickle
import random
import sys
import uuid
from dataclasses import dataclass
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from trio_durable_sandbox import Sandbox, SandboxViolationError, SandboxWarning, ordered
from trio_durable_sandbox._dumping import in_order_within
from trio_durable_sandbox._order import lazily, pop_first
from trio_durable_sandbox._text import shown, text


class Fruit(enum.Enum):
    PEAR = 1
    FIG = 2


@dataclass(frozen=True)
class Key:
    name: str
    size: int = 0


SCALARS = st.one_of(
    st.integers(), st.booleans(), st.floats(), st.complex_numbers(), st.decimals(allow_nan=False), st.fractions(),
    st.text(), st.binary(), st.none(), st.sampled_from(Fruit), st.builds(Key, st.text(), st.integers()),
    st.dates(), st.datetimes(timezones=st.none() | st.timezones()), st.timedeltas(), st.uuids(),
)  # fmt: skip
ELEMENTS = st.recursive(
    SCALARS, lambda inner: st.tuples(inner, inner) | st.frozensets(inner, max_size=3), max_leaves=4
)  # fmt: skip


def made_otherwise(items: set[Any], seed: int) -> set[Any]:
    """An equal set whose own order may be another: made in another order, and larger for a while."""
    elements = list(items)
    random.Random(seed).shuffle(elements)
    made = set(elements) | {object() for _ in range(seed % 50)}
    for item in [item for item in made if type(item) is object]:
        made.discard(item)
    return made


def key_of(item: Any) -> str:
    return repr(sorted(map(key_of, item))) if isinstance(item, frozenset) else repr(item)


@given(st.sets(ELEMENTS, max_size=8), st.integers(0, 1000))
def test_the_order_does_not_depend_on_how_the_set_came_to_be(items: set[Any], seed: int) -> None:
    found = ordered(items)
    again = ordered(made_otherwise(items, seed))
    assert list(map(key_of, found)) == list(map(key_of, again))
    assert set(found) == items or any(item != item for item in items)


@given(st.sets(st.text()))
def test_words_are_sorted(items: set[str]) -> None:
    assert list(ordered(items)) == sorted(items)
    left = set(items)
    assert [pop_first(left) for _ in items] == sorted(items)
    assert left == set()


@given(st.lists(st.tuples(st.sampled_from(["pop", "add", "discard", "swap"]), st.integers(0, 9)), max_size=30))
def test_pop_takes_what_is_there_and_the_same_in_each_run(steps: list[tuple[str, int]]) -> None:
    taken: list[list[str]] = [[], []]
    for out, start in zip(taken, ("0123456789", "9876543210"), strict=True):
        items = set(start)
        for step, number in steps:
            if step in ("discard", "swap"):
                items.discard(str(number))
            if step in ("add", "swap"):
                items.add(f"{step} {number}")
            if step == "pop" and items:
                before = set(items)
                out.append(pop_first(items))
                assert items == before - {out[-1]}
                assert len(items) == len(before) - 1
    assert taken[0] == taken[1]


def test_pop_takes_the_first_of_what_is_there_now() -> None:
    items = set("bcd")
    assert pop_first(items) == "b"
    items.add("a")
    assert pop_first(items) == "a"
    items.discard("c")
    items |= {"0", "1"}
    assert [pop_first(items) for _ in range(3)] == ["0", "1", "d"]


@given(st.sets(st.text(), min_size=2))
def test_a_set_that_is_handed_on_is_still_that_set(items: set[str]) -> None:
    handed = lazily(items)
    assert isinstance(handed, set)
    assert handed == items
    assert list(handed) == sorted(items)
    assert type(handed | set()) is set or type(handed | set()) is type(handed)
    assert pickle.loads(pickle.dumps(handed)) == items
    assert type(pickle.loads(pickle.dumps(handed))) is set
    assert type(copy.deepcopy(handed)) is set


VALUES = st.recursive(
    st.integers() | st.text(alphabet="ab '{},", max_size=4) | st.sets(st.text(max_size=3), max_size=4),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=2), inner, max_size=3)
    | st.tuples(inner) | st.builds(lambda x: ValueError(x), inner),
    max_leaves=6,
)  # fmt: skip


def by_hand(value: Any) -> str:
    """The text as it should be, written down in another way."""
    if isinstance(value, set):
        return "{" + ", ".join(map(repr, sorted(value))) + "}" if value else "set()"
    if isinstance(value, list):
        return "[" + ", ".join(map(by_hand, value)) + "]"
    if isinstance(value, tuple):
        return "(" + by_hand(value[0]) + ",)"
    if isinstance(value, dict):
        return "{" + ", ".join(f"{key!r}: {by_hand(item)}" for key, item in value.items()) + "}"
    return f"ValueError({by_hand(value.args[0])})" if isinstance(value, ValueError) else repr(value)


@given(VALUES)
def test_text_is_that_of_the_value_with_sets_in_order(value: Any) -> None:
    assert text(value) == by_hand(value)
    assert repr(shown(value)) == by_hand(value)


@given(st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3), max_leaves=5))
def test_values_without_sets_are_used_as_they_are(value: Any) -> None:
    if isinstance(value, datetime.date | datetime.time):  # their formats may ask for the host's zone
        assert (str(shown(value)), f"{shown(value)}", repr(shown(value))) == (str(value), f"{value}", repr(value))
    else:
        assert shown(value) is value
    assert in_order_within(value) is value


def test_copies_for_libraries_leave_the_value_alone() -> None:
    words = {"b", "a", "c"}
    value = {"x": [Key("n"), (words, 1)], "y": {"z": frozenset(words)}}
    handed = in_order_within(value)
    assert handed == value
    assert handed is not value
    assert list(handed["x"][1][0]) == ["a", "b", "c"]
    assert type(value["x"][1][0]) is set
    assert handed["x"][0] is value["x"][0]


MODULE = """
import functools, operator
class Item:
    def __init__(self, name): self.name = name
def tied(): return len(sorted({Item("a"), Item("a")}, key=lambda item: item.name))
def least(): return min({Item("a"), Item("a")}, key=lambda item: item.name).name
def loop(): return len([item for item in {Item("a"), Item("b")}])
def in_key(): return sorted(["b", "a"], key=open)
"""


@pytest.mark.parametrize(("name", "value"), [("tied", 2), ("least", "a"), ("loop", 2)])
def test_best_effort_warns_and_takes_the_order_that_there_is(workshop: Any, name: str, value: Any) -> None:
    module = workshop.module(MODULE)
    run, f = workshop.start(getattr(module, name), mode="best_effort")
    with run.active(), pytest.warns(SandboxWarning, match="a set of Item") as warned:
        assert f() == value
    assert warned[0].filename == module.__file__
    run, f = workshop.start(getattr(module, name))
    with run.active(), pytest.raises(SandboxViolationError, match="a set of Item"):
        f()


def test_what_a_key_function_calls_is_named(workshop: Any) -> None:
    run, f = workshop.start(workshop.module(MODULE).in_key)
    with run.active(), pytest.raises(SandboxViolationError, match=r"^open is not"):
        f()


def test_an_exception_that_nobody_can_catch_is_no_violation(
    workshop: Any, monkeypatch: pytest.MonkeyPatch, capsys: Any
) -> None:
    """The interpreter prints it with its source line, for which it opens the file."""
    monkeypatch.setattr(sys, "unraisablehook", sys.__unraisablehook__)
    run, f = workshop.start(
        workshop.module("class A:\n    def __del__(self): raise ValueError('last words')\ndef f(): A()\n").f
    )
    with run.active():
        f()
    assert run.violations == []
    assert "last words" in capsys.readouterr().err


def test_changing_a_shared_class_of_ones_own_names_the_way_out(workshop: Any) -> None:
    workshop.write("class Order:\n    def total(self): return 1\n", "own_shared")
    source = "import importlib\ndef f():\n    kind = importlib.import_module('own_shared').Order\n    kind.LIMIT = 3\n"
    run, f = workshop.start(workshop.module(source).f)
    with run.active(), pytest.raises(SandboxViolationError, match="isolate=") as caught:
        f()
    assert caught.value.api == "assignment to own_shared.Order.LIMIT"
    run, f = workshop.start(workshop.module(source).f, Sandbox(isolate=["own_shared"]))
    with run.active():
        f()
    run, f = workshop.start(workshop.module("import json\ndef f(): json.JSONEncoder.LIMIT = 3\n").f)
    with run.active(), pytest.raises(SandboxViolationError, match="keep state in your own module"):
        f()


def test_names_of_the_order_are_used(workshop: Any) -> None:
    """Kinds that have no example elsewhere."""
    hours = [datetime.timezone(datetime.timedelta(hours=n)) for n in (3, 1)]
    assert ordered(set(hours)) == sorted(hours, key=str)
    assert ordered({decimal.Decimal("NaN"), decimal.Decimal(2), 1})[1:] == [1, 2]
    assert ordered({range(3), range(1, 2)}) == [range(3), range(1, 2)]
    assert ordered({uuid.UUID(int=2), uuid.UUID(int=1)})[0].int == 1
    assert functools.reduce(lambda one, two: f"{one}{two}", ordered(set("cab"))) == "abc"
