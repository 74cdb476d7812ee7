"""The testing kit: prove an orchestration before it ships.

    environment     `open_test_environment`: run orchestrations in virtual time, with real or fake activities
    histories       `load_history`, `replay_history`: does today's code agree with what happened?
    properties      `replays`, `play`, `strategies`: property tests over orders, failures and crashes (Hypothesis)
    static          `check_paths`, `check_source`: what is not deterministic, found without running it
    conformance     `check_store`, `check_sidecar`, `check_converter`: for those who bring their own
    pytest_plugin   fixtures; installed with the package

Our own suite uses it, and has no helper that users lack.  What needs Hypothesis is loaded at first use.
"""

from trio_durable.testing.environment import InstanceHandle, StuckError, TestEnvironment, open_test_environment
from trio_durable.testing.fakes import ActivityCall
from trio_durable.testing.histories import History, HistoryFormatError, load_history, replay_history
from trio_durable.testing.pair import ReplayDisagreementError, TurnTooLongError

__all__ = [
    "ActivityCall",
    "History",
    "HistoryFormatError",
    "InstanceHandle",
    "ReplayDisagreementError",
    "StuckError",
    "TestEnvironment",
    "TurnTooLongError",
    "load_history",
    "open_test_environment",
    "replay_history",
]

# Tracebacks and reprs show the name under which users import a thing.
for _name in __all__:
    globals()[_name].__module__ = __name__
del _name
