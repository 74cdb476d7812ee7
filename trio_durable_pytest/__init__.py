"""The pytest plugin, active wherever this package is installed.

    durable_worker          a `Worker` with nothing registered; override it in a conftest to register your functions
    durable_environment     a `TestEnvironment` with that worker (needs pytest-trio)
    durable_history         one recorded history; a test that asks for it runs once for each file of the folder

The folder is the ini option `durable_histories` (default `tests/histories`), or the argument of the marker
`@pytest.mark.durable_histories(folder)`.

It is a package of its own, and imports the kit in the fixtures only: pytest loads it in every session of an environment
that has trio_durable installed, and a session that uses none of this must not pay for the rest.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from trio_durable import Worker
    from trio_durable.testing import History, TestEnvironment


def pytest_addoption(parser: pytest.Parser) -> None:
    """The ini option."""
    parser.addini("durable_histories", "the folder of recorded histories", default="tests/histories")


def pytest_configure(config: pytest.Config) -> None:
    """The marker."""
    config.addinivalue_line("markers", "durable_histories(folder): where the histories of this test are recorded")


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """One test for each recorded history."""
    if "durable_history" not in metafunc.fixturenames:
        return
    marker = metafunc.definition.get_closest_marker("durable_histories")
    folder = metafunc.config.rootpath / (marker.args[0] if marker else metafunc.config.getini("durable_histories"))
    files = sorted(folder.rglob("*.json"))
    if not files:
        raise pytest.Collector.CollectError(
            f"there are no recorded histories in {folder}: export one with `trio-durable history ID --json`, or name"
            " another folder with @pytest.mark.durable_histories or the ini option durable_histories"
        )
    metafunc.parametrize("durable_history", files, ids=[str(file.relative_to(folder)) for file in files], indirect=True)


@pytest.fixture
def durable_history(request: pytest.FixtureRequest) -> History:
    """One recorded history of the folder."""
    from trio_durable.testing import load_history

    path: Path = request.param
    return load_history(path)


@pytest.fixture
def durable_worker() -> Worker:
    """A worker with nothing registered."""
    from trio_durable import Worker

    return Worker("nowhere")


@pytest.fixture
async def durable_environment(durable_worker: Worker) -> AsyncIterator[TestEnvironment]:
    """A test environment with `durable_worker`."""
    from trio_durable.testing import open_test_environment

    async with open_test_environment(durable_worker) as environment:
        yield environment
