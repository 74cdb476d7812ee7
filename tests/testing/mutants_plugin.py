"""pytest plugin of `make mutants`: the same few examples for every mutant, none to make a counter-example smaller."""

from __future__ import annotations

import pytest
from hypothesis import HealthCheck, Phase, settings

settings.register_profile(
    "mutants",
    max_examples=25,
    deadline=None,
    derandomize=True,
    database=None,
    phases=[Phase.explicit, Phase.generate],
    suppress_health_check=list(HealthCheck),
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests that ask for more examples get no more either."""
    few = settings.get_profile("mutants")
    for item in items:
        test = getattr(item, "obj", None)
        own = getattr(test, "_hypothesis_internal_use_settings", None)
        if own is not None and own.max_examples > few.max_examples:
            test._hypothesis_internal_use_settings = few  # type: ignore[union-attr]


def pytest_collection_finish(session: pytest.Session) -> None:
    """What real Trio does is found out once, before mutmut takes the time of each test, and of few seeds."""
    for item in session.items:
        module = getattr(item, "module", None)
        if hasattr(module, "observed") and item.name.startswith("test_the_trace_is_one_of_trios["):
            name = item.callspec.params["name"]  # type: ignore[attr-defined]
            module.SEEDS = 200 if name in module.RACY else 3
            module.observed(name)
