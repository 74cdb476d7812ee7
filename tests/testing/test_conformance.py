"""The conformance checks pass what is ours, and notice each broken promise."""

from __future__ import annotations

import json
from typing import Any

import pytest
import trio

from tests.loopback import held_port
from tests.patience import PATIENCE
from trio_durable import UnavailableError, abc
from trio_durable._converter import JsonConverter
from trio_durable.sidecar import MemoryStore, SQLiteStore, open_sidecar
from trio_durable.sidecar.hub import Hub
from trio_durable.sidecar.service import SidecarService
from trio_durable.testing import ConformanceError, check_converter, check_sidecar, check_store


def test_our_stores(tmp_path):
    check_store(MemoryStore, persistent=False)
    check_store(lambda: SQLiteStore(tmp_path / "x.db"), steps=100)


def test_a_store_that_forgets():
    with pytest.raises(ConformanceError, match="instances: expected"):
        check_store(MemoryStore)


@pytest.mark.parametrize(
    ("method", "broken", "said"),
    [
        ("instance_ids", lambda self, *, after, limit: [], "instance_ids"),
        ("children", lambda self, instance_id: [], "children"),
        ("history", lambda self, instance_id: [], "history"),
        ("instance", lambda self, instance_id: None, "instance"),
    ],
)
def test_broken_stores(method, broken, said):
    store = type("Broken", (MemoryStore,), {method: broken})
    with pytest.raises(ConformanceError, match=said):
        check_store(store, persistent=False)


def test_a_store_whose_commits_are_not_whole():
    class Half(MemoryStore):
        def commit(self, changes):
            super().commit(changes[:1])

    with pytest.raises(ConformanceError, match="commits, the last one"):
        check_store(Half, persistent=False)


def test_a_store_that_raises():
    class Full(MemoryStore):
        def commit(self, changes):
            raise OSError("disk full")

    with pytest.raises(ConformanceError, match="OSError: disk full"):
        check_store(Full, persistent=False)


def test_a_store_that_keeps_timers():
    class Keeps(MemoryStore):
        def commit(self, changes):
            super().commit([each for each in changes if not isinstance(each, abc.RemoveTimer)])

    with pytest.raises(ConformanceError, match=r"recover\(\).timers"):
        check_store(Keeps, persistent=False)


def test_a_converter_may_write_a_value_in_many_ways():
    class Spaces(JsonConverter):
        count = 0

        def to_json(self, value):
            Spaces.count += 1
            return super().to_json(value) + " " * (Spaces.count % 3)

    check_converter(Spaces())


def test_our_converter():
    check_converter(JsonConverter(), [{"a": 1}, (1, 2)])


class Plain:
    """A converter as somebody would write it first."""

    def to_json(self, value: Any) -> str:
        return json.dumps(value)

    def from_json(self, text: str, wanted: Any = None) -> Any:
        return json.loads(text)


@pytest.mark.parametrize(
    ("converter", "said"),
    [
        (Plain(), "_Point"),
        (type("Text", (JsonConverter,), {"to_json": lambda self, value: str(value)})(), "to_json"),
        (type("Bytes", (JsonConverter,), {"to_json": lambda self, value: b"1"})(), "to_json gives"),
        (type("Lax", (JsonConverter,), {"from_json": lambda *arguments: None})(), "comes back"),
    ],
)
def test_broken_converters(converter, said):
    with pytest.raises(ConformanceError, match=said):
        check_converter(converter)


@pytest.mark.parametrize("transport", ["memory", "grpc"])
async def test_our_sidecar(transport):
    async with open_sidecar() as sidecar:
        await check_sidecar(sidecar.channel() if transport == "memory" else await sidecar.serve(), patience=PATIENCE)


async def test_a_sidecar_that_is_not_there():
    with held_port() as port, pytest.raises(UnavailableError):
        await check_sidecar(f"127.0.0.1:{port}")


async def _no_history(self, instance_id):
    return []


def _not_recursive(real):
    async def terminate(self, instance_id, output, *, recursive):
        return await real(self, instance_id, output, recursive=False)

    return terminate


@pytest.mark.parametrize(
    ("method", "broken", "said"),
    [
        ("history", lambda real: _no_history, "these events are no history"),
        ("terminate", _not_recursive, "A recursive terminate ends the children, too"),
    ],
)
async def test_broken_sidecars(method, broken, said, monkeypatch, autojump_clock):
    monkeypatch.setattr(SidecarService, method, broken(getattr(SidecarService, method)))
    with pytest.raises(ConformanceError, match=said):
        async with open_sidecar(now_ns=lambda: 10**18 + int(trio.current_time() * 1e9)) as sidecar:
            await check_sidecar(sidecar.channel())


async def test_a_sidecar_that_loses_events(monkeypatch, autojump_clock):
    real = Hub.send

    def loses(self, instance_id, event):
        return True if type(event).__name__ == "EventRaised" else real(self, instance_id, event)

    monkeypatch.setattr(Hub, "send", loses)
    with pytest.raises(ConformanceError, match="External events"):
        async with open_sidecar(now_ns=lambda: 10**18 + int(trio.current_time() * 1e9)) as sidecar:
            await check_sidecar(sidecar.channel())
