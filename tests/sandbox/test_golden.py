"""Golden vectors: every deterministic function that is valid on all Pythons, the same on each of them and for ever.

Recorded histories depend on these values. `golden.json` is never edited to make a test pass; new functions are added.
"""

from __future__ import annotations

import inspect
import json
import random
import re
import sys
import time
import uuid
from pathlib import Path
from typing import Any

import pytest
from trio_durable_sandbox import Sandbox
from trio_durable_sandbox._policy import NEW_NAMES, RULES, words

GOLDEN: dict[str, str] = json.loads((Path(__file__).parent / "golden.json").read_text())
MODULE = """
import datetime, enum, pickle, random, time, uuid
from fractions import Fraction
class Color(enum.Enum):
    RED = 1
def shuffled(number):
    cards = list(range(number))
    random.shuffle(cards)
    return cards
def seeded(*args):
    random.seed(*args)
    return random.random()
def f(text):
    random.seed("golden")
    return repr(eval(text))
"""


def test_golden_vectors(workshop: Any) -> None:
    module = workshop.module(MODULE, "golden_module")
    sandbox = Sandbox()
    found = {}
    for text in GOLDEN:
        run, f = workshop.start(module.f, sandbox)
        with run.active():
            found[text] = f(text)
    assert found == {text: value.replace("goldmod", "golden_module") for text, value in GOLDEN.items()}


@pytest.mark.parametrize("module", [random, uuid, time])
def test_every_replaced_function_has_a_vector(module: Any) -> None:
    (rule,) = (rule for rule in RULES if rule.module == module.__name__)
    texts = " ".join((MODULE, *GOLDEN))
    names = {f"{module.__name__}.{name}" for name in words(rule.replaced)} - set(NEW_NAMES)
    assert [name for name in sorted(names) if not re.search(rf"\b{re.escape(name)}\b", texts)] == []


def test_names_that_random_has_are_replaced_or_known() -> None:
    """A function that a new Python adds must not go unnoticed."""
    (rule,) = (rule for rule in RULES if rule.module == "random")
    public = {name for name, value in vars(random).items() if inspect.isroutine(value) and not name.startswith("_")}
    assert public - {*words(rule.replaced), "main"} == set()


@pytest.mark.parametrize("name", list(NEW_NAMES))
def test_names_that_this_python_lacks_are_said_to_be_new(workshop: Any, name: str) -> None:
    home, _, short = name.rpartition(".")
    since = NEW_NAMES[name]
    if sys.version_info >= tuple(map(int, since.split("."))):
        pytest.skip(f"Python {since} has it")
    module = workshop.module(
        f"import {home}\ndef f(): return {name}()\ndef g():\n    from {home} import {short}\n"
        f"def h(): return hasattr({home}, {short!r}), getattr({home}, {short!r}, None)\n"
    )
    run, f = workshop.start(module.f)
    says = rf"'?{short}'?.*is new in Python {since}.*this is {sys.version_info[0]}\.{sys.version_info[1]}"
    with run.active():
        with pytest.raises(AttributeError, match=says):
            f()
        names = run.modules[module.__name__]
        with pytest.raises(ImportError, match=says):
            names.g()
        assert names.h() == (False, None)
    assert run.violations == []
