"""What every room's tests share: where the peers' interpreters are, and a count of the interop tests for CI."""

from __future__ import annotations

import gc
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from tests import peers

# The suite tests the same examples every time: what fails in it fails again, and what passes was not lucky. New ground
# is for `make fuzz`. Time says nothing about a property, so no example has a deadline and none is called too slow.
# All of it is said here, for Hypothesis's own defaults differ on a machine that looks like CI.
settings.register_profile(
    "suite",
    max_examples=100,
    derandomize=True,
    database=None,
    deadline=None,
    print_blob=True,
    suppress_health_check=[HealthCheck.too_slow],
)
settings.load_profile("suite")

_interop_passed = pytest.StashKey[int]()


@pytest.fixture(scope="session")
def peer_python(pytestconfig: pytest.Config) -> Callable[[str], Path]:
    """`peer_python("grpcio")` is the interpreter of that peer's environment.

    Skips the test where it was not made, and fails it where interop tests are required.
    """

    def find(name: str) -> Path:
        try:
            return peers.python(name)
        except peers.MissingPeerError as error:
            if pytestconfig.getoption("--require-interop"):
                pytest.fail(str(error))
            pytest.skip(str(error))

    return find


def pytest_collection_finish(session: pytest.Session) -> None:
    # What was imported stays for good: the collector need not go through all of it again and again.
    gc.collect()
    gc.freeze()


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--require-interop",
        type=int,
        default=0,
        metavar="N",
        help="fail unless at least N tests marked interop ran and passed: on CI a skip is not a success",
    )


@pytest.hookimpl(wrapper=True)
def pytest_runtest_makereport(item: pytest.Item, call: pytest.CallInfo[None]):  # type: ignore[no-untyped-def]
    report = yield
    if report.when == "call" and report.passed and item.get_closest_marker("interop"):
        item.config.stash[_interop_passed] = item.config.stash.get(_interop_passed, 0) + 1
    return report


@pytest.hookimpl(trylast=True)
def pytest_sessionfinish(session: pytest.Session) -> None:
    wanted = session.config.getoption("--require-interop")
    if wanted and session.config.stash.get(_interop_passed, 0) < wanted and session.exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter, config: pytest.Config) -> None:
    wanted = config.getoption("--require-interop")
    passed = config.stash.get(_interop_passed, 0)
    if wanted:
        enough = "enough" if passed >= wanted else "TOO FEW: see the skips above"
        terminalreporter.line(f"interop: {passed} tests passed, at least {wanted} wanted: {enough}")
