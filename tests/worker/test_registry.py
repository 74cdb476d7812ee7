"""Registration, names and hints."""

from __future__ import annotations

import gc
import weakref
from collections.abc import Generator
from typing import Any

import pytest

from trio_durable import RegistrationError
from trio_durable._worker.hints import Hints
from trio_durable._worker.registry import Registry, takes_input


async def flow(ctx, order: dict[str, int]) -> list[int]:
    return []


def steps(ctx) -> Generator[Any, Any, str]:
    yield
    return ""


def test_names_are_the_functions_own_or_given():
    registry = Registry()
    assert registry.add_orchestrator(flow, None, None) == "flow"
    assert registry.add_activity(steps_activity, "other") == "other"
    assert registry.name_of(flow) == "flow"
    assert registry.name_of(steps_activity) == "other"
    assert registry.name_of("by name") == "by name"


def steps_activity(ctx) -> None: ...


def test_a_name_is_taken_once():
    registry = Registry()
    registry.add_activity(steps_activity, None)
    with pytest.raises(RegistrationError, match=r"registered already.*name="):
        registry.add_activity(steps_activity, None)
    registry.add_orchestrator(steps_activity, None, None)  # orchestrators have names of their own


async def agen(ctx):
    yield


@pytest.mark.parametrize("function", [lambda ctx: None, 5])
def test_what_has_no_name_is_refused(function):
    with pytest.raises(RegistrationError):
        Registry().add_activity(function, None)


def test_generators_have_their_place():
    with pytest.raises(RegistrationError, match="async generator"):
        Registry().add_orchestrator(agen, None, None)
    with pytest.raises(RegistrationError, match="use `return`"):
        Registry().add_activity(steps, None)


def test_hints():
    hints = Hints()
    assert hints.of_parameter(flow, "order") == dict[str, int]
    assert hints.of_result(flow) == list[int]
    assert hints.of_result(steps) is str
    assert takes_input(flow)
    assert not takes_input(steps)
    assert hints.of_result("by name") is None


SOURCE = """
from __future__ import annotations
class Mine: pass
def shared(ctx, value: list[int]) -> str: ...
def own(ctx, value: Mine) -> Mine: ...
def unknown(ctx, value: Missing) -> None: ...
"""


def test_hints_are_of_the_namespace_that_asks():
    hints = Hints()
    code = compile(SOURCE, "of several namespaces", "exec")
    namespaces = []
    for _ in range(5):
        namespace: dict[str, Any] = {"__name__": "of_several_namespaces"}
        exec(code, namespace)
        namespaces.append(namespace)
    for namespace in namespaces:
        for _ in range(2):
            assert hints.of_parameter(namespace["shared"], "value") == list[int]
            assert hints.of_result(namespace["shared"]) is str
            assert hints.of_parameter(namespace["own"], "value") is namespace["Mine"]
            assert hints.of_result(namespace["own"]) is namespace["Mine"]
            assert hints.of_parameter(namespace["unknown"], "value") is None
    # A function made anew from the same code may have other annotations.
    other = namespaces[0]["shared"]
    other.__annotations__["value"] = "Mine"
    assert hints.of_parameter(other, "value") is namespaces[0]["Mine"]
    assert hints.of_parameter(namespaces[1]["shared"], "value") == list[int]


def test_hints_of_a_namespace_are_not_kept():
    hints = Hints()
    code = compile(SOURCE, "that ends", "exec")
    ends = []
    for _ in range(3):
        namespace: dict[str, Any] = {"__name__": "that_ends"}
        exec(code, namespace)
        assert hints.of_result(namespace["own"]) is namespace["Mine"]
        ends.append(weakref.ref(namespace["Mine"]))
        del namespace
        gc.collect()
    assert [end() for end in ends] == [None, None, None]
