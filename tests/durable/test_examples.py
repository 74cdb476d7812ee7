"""The examples of structured concurrency do what they say: on the embedded sidecar, and on the real Go one."""

from __future__ import annotations

import importlib
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.interop import go
from trio_durable import OrchestrationStatus
from trio_durable.sidecar import open_sidecar

EXAMPLES = Path(__file__).parents[2] / "examples"


@pytest.fixture(scope="module")
def go_address(tmp_path_factory):
    if not go.binary().is_file():
        pytest.skip("the Go sidecar is not there: install Go and run `make sidecar-go`")
    with go.running(tmp_path_factory.mktemp("go")) as address:
        yield address


@pytest.fixture(params=["embedded", pytest.param("go", marks=pytest.mark.interop)])
def target(request):
    """A function that opens the sidecar to play on."""
    address = request.getfixturevalue("go_address") if request.param == "go" else None

    @asynccontextmanager
    async def opened() -> AsyncIterator[Any]:
        if address is not None:
            yield address
        else:
            async with open_sidecar(":memory:") as sidecar:
                yield sidecar.channel()

    return opened


@pytest.fixture
def example(monkeypatch):
    monkeypatch.syspath_prepend(str(EXAMPLES))
    return importlib.import_module


async def test_race_with_deadline(example, target):
    async with target() as sidecar:
        assert await example("race_with_deadline").play(sidecar) == ["quick has it", "nobody answered in time"]


async def test_bounded_fan_out(example, target):
    module = example("bounded_fan_out")
    async with target() as sidecar:
        count = module.COUNT if not isinstance(sidecar, str) else 100
        assert await module.play(sidecar, count) == sum(n % 100 for n in range(count))
    # How fast a sidecar hands them out is its own matter; ours does not wait for one answer before the next.
    assert (0 if isinstance(sidecar, str) else 1) < module.Gauge.most <= module.AT_A_TIME


async def test_pipeline(example, target):
    async with target() as sidecar:
        assert await example("pipeline").play(sidecar) == ["<DURABLE>", "<STRUCTURED>", "<CONCURRENCY>"]


async def test_approval_escalation(example, target, capsys):
    async with target() as sidecar:
        first, second = await example("approval_escalation").play(sidecar)
    assert first.startswith("120 approved by the clerk")
    assert second == "120 refused: nobody answered"
    asked = capsys.readouterr().out.splitlines()
    assert asked[-6:] == [f"to the {who}: please approve" for who in ("clerk", "manager", "director") for _ in range(2)]


async def test_graceful_cancel(example, target):
    async with target() as sidecar:
        status, ledger = await example("graceful_cancel").play(sidecar)
    assert status is OrchestrationStatus.CANCELED
    assert ledger == ["booked the flight", "booked the room", "gave back the room", "gave back the flight"]
