"""Registration, names and hints."""

from __future__ import annotations

from collections.abc import Generator
from typing import Any

import pytest

from trio_durable import RegistrationError
from trio_durable._worker.registry import Registry, result_hint, takes_input, value_hint


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
    assert value_hint(flow) == dict[str, int]
    assert result_hint(flow) == list[int]
    assert result_hint(steps) is str
    assert value_hint(steps) is None
    assert takes_input(flow)
    assert not takes_input(steps)
    assert result_hint("by name") is None
