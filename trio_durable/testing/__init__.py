"""The testing kit: prove an orchestration before it ships.

    environment     `open_test_environment`: run orchestrations in virtual time, with real or fake activities
    stage           `open_stage`: a real sidecar, client and workers in one Trio run
    histories       `load_history`, `replay_history`: does today's code agree with what happened?
    properties      `replays`, `play`, `strategies`: property tests over orders, failures and crashes (Hypothesis)
    operations      `ClientOperations`: everything that clients may do, against a model (Hypothesis)
    static          `check_paths`, `check_source`: what is not deterministic, found without running it
    conformance     `check_store`, `check_sidecar`, `check_converter`: for those who bring their own

The pytest plugin with fixtures for it is `trio_durable_pytest`, installed with this package.
Our own suite uses it, and has no helper that users lack.  What needs Hypothesis is loaded at first use.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from trio_durable_sandbox._scan_files import scan_paths as check_paths
from trio_durable_sandbox._scan_report import render as render_findings
from trio_durable_sandbox._scan_source import Finding
from trio_durable_sandbox._scan_source import scan_source as check_source

from trio_durable.testing.conformance import ConformanceError
from trio_durable.testing.conforming_converters import check_converter
from trio_durable.testing.conforming_sidecars import check_sidecar
from trio_durable.testing.conforming_stores import check_store
from trio_durable.testing.environment import InstanceHandle, StuckError, TestEnvironment, open_test_environment
from trio_durable.testing.fakes import ActivityCall
from trio_durable.testing.histories import History, HistoryFormatError, fetch_history, load_history, replay_history
from trio_durable.testing.ordering import OrderError
from trio_durable.testing.pair import NeverAwaitedError, ReplayDisagreementError, TurnTooLongError
from trio_durable.testing.script import DidNotEndError, Outcome, ScriptError, play
from trio_durable.testing.stage import Stage, open_stage

if TYPE_CHECKING:
    from trio_durable.testing import strategies
    from trio_durable.testing.operations import ClientOperations
    from trio_durable.testing.properties import replays

__all__ = [
    "ActivityCall",
    "ClientOperations",
    "ConformanceError",
    "DidNotEndError",
    "Finding",
    "History",
    "HistoryFormatError",
    "InstanceHandle",
    "NeverAwaitedError",
    "OrderError",
    "Outcome",
    "ReplayDisagreementError",
    "ScriptError",
    "Stage",
    "StuckError",
    "TestEnvironment",
    "TurnTooLongError",
    "check_converter",
    "check_paths",
    "check_sidecar",
    "check_source",
    "check_store",
    "fetch_history",
    "load_history",
    "open_stage",
    "open_test_environment",
    "play",
    "render_findings",
    "replay_history",
    "replays",
    "strategies",
]

#: What needs Hypothesis, and where it is.
_WITH_HYPOTHESIS = {"ClientOperations": "operations", "replays": "properties", "strategies": ""}

# Tracebacks and reprs show the name under which users import a thing.
for _name in __all__:
    if _name not in _WITH_HYPOTHESIS:
        globals()[_name].__module__ = __name__
del _name


def __getattr__(name: str) -> Any:
    if name not in _WITH_HYPOTHESIS:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    try:
        import hypothesis  # noqa: F401
    except ModuleNotFoundError:
        raise ImportError(
            f"trio_durable.testing.{name} needs Hypothesis, which is not installed: `pip install hypothesis`. "
            "The environment, `replay_history` and `play` work without it."
        ) from None
    found = import_module(f"{__name__}.{_WITH_HYPOTHESIS[name] or name}")
    if _WITH_HYPOTHESIS[name]:
        found = getattr(found, name)
        found.__module__ = __name__
    globals()[name] = found
    return found
